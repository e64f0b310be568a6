"""Random mutations of valid files: bytes, JSON and safetensors. All choices come from `rng`."""

import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TEXTS = (
    "",
    "0",
    "A2B",
    "B2A",
    "dcgan",
    "pix2pix",
    "nan",
    "\0",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnp.exe",
    "\ud800",
    "\r\nINFO: all is well\n",
    "../../x",
    "/../../x/y",
    "/etc/passwd",
    "~root",
    "a/b",
    "C:\\x",
    "-n",
    "--out=x",
    "%s%n{0}",
    "[bold]markup[/]",
    "[/]",
    "\N{SNOWMAN}\N{CAT FACE}e\u0301\u200d",
    "x" * 300,
    "x" * 100_000,
)
# JSON as text, because much of it is nothing that json.dumps would write.
HOSTILE = (
    *[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "0.0",
        "1",
        "-1",
        "2",
        "3",
        "5",
        "16",
        "-5",
        "28",
        "255",
        "256",
        "4096",
        "65536",
        "1000000",
        "0.5",
        "-0.5",
    ],
    *["2147483647", "2147483648", "4294967296", "-2147483649", "9223372036854775807"],
    *[
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        "1e9",
        "1e-320",
        "1e308",
    ],
    *[
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "-Infinity",
        "[]",
        "{}",
        "[[]]",
        "[0]",
        "[1,2]",
        "[null]",
        "[-1,1]",
        "[true]",
    ],
    '["a","a"]',
    '{"a":1}',
    '{"":{}}',
    "9" * 400,
    "9" * 5000,
    "[" * 900 + "]" * 900,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 900 + "0" + "}" * 900,
    '{"a":' * 100_000 + "0" + "}" * 100_000,
    f"[{','.join('0' * 20_000)}]",
    f"[{','.join(['[0,0,0]'] * 300)}]",
    f"""[{",".join(f'"{i}"' for i in range(3000))}]""",
    *(json.dumps(text) for text in TEXTS),
)
INTEGERS = (0, 1, -1, 7, 8, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


def spoiled(rng: random.Random, data: bytes) -> bytes:
    """Change `data` in one to four random places, knowing nothing about its format."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _spoil(rng, changed)
    return bytes(changed)


def _spoil(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    # Formats keep what matters in the first bytes, so half of the changes are there.
    at = min(at, rng.randrange(400)) if rng.random() < 0.5 else at
    length = rng.choice((1, 2, 4, 8, 64, 1000))
    match rng.randrange(8):
        case 0 | 1:  # flip a bit
            if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
        case 2:
            del data[at:]
        case 3:
            del data[at : at + length]
        case 4:
            data[at:at] = rng.randbytes(length)
        case 5:
            data[at : at + length] = bytes([rng.choice((0, 255, 32))]) * length
        case 6:  # a size or an offset, if it hits one
            value = rng.choice(INTEGERS) % 2**64
            data[at : at + 8] = value.to_bytes(8, rng.choice(("little", "big")))
        case 7:
            data[at:at] = data[at : at + length] * rng.choice((1, 1, 100))


def json_text(rng: random.Random, tree: Any) -> str:
    """Write `tree` as JSON, with one to three places of it changed."""
    tree, raw = json.loads(json.dumps(tree)), list[str]()
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(rng, tree, raw)
    text = json.dumps(tree, indent=rng.choice((None, None, 2)))
    for number, value in reversed([*enumerate(raw)]):
        text = text.replace(f'"<raw {number}>"', value)
    return text


def _changed(rng: random.Random, tree: Any, raw: list[str]) -> Any:
    """Replace, delete, add or rename one value of `tree`; `raw` collects hostile JSON text."""
    raw.append(rng.choice(HOSTILE))
    hostile = f"<raw {len(raw) - 1}>"
    places = [*_places(tree)]
    if not places or rng.random() < 0.01:
        return hostile
    parent, key = rng.choice(places)
    match rng.randrange(10):
        case 0 | 1 if isinstance(parent, dict):
            del parent[key]
        case 2 if isinstance(parent, dict):
            parent[rng.choice(TEXTS)] = parent.pop(key)
        case 3 if isinstance(parent, dict):
            parent[rng.choice((rng.choice(TEXTS), *map(str, parent)))] = hostile
        case 3 if isinstance(parent, list):
            parent.insert(key, hostile)
        case 4:
            parent[key] = rng.choice(([parent[key]], str(parent[key]), {"": parent[key]}))
        case 5:
            parent[key] = _near(rng, parent[key])
        case _:
            parent[key] = hostile
    return tree


def _near(rng: random.Random, value: Any) -> Any:
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return rng.choice((-value, value + 1, value - 1, value * 4, value * 1000, value / 2))
    if isinstance(value, str):
        return rng.choice((value + " ", value.upper(), value[1:], value * 50, f"{value}\x1b[2J"))
    return value


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each value inside `tree`, as the list or dictionary that holds it and its key there."""
    keys = [*tree] if isinstance(tree, dict) else range(len(tree) if isinstance(tree, list) else 0)
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


@dataclass
class Safetensors:
    """A safetensors file in parts: its header, with what gan wrote in it, and its tensors' bytes.

    `tensors` maps names to `dtype`, `shape` and `data_offsets`.
    """

    gan: Any
    tensors: dict[str, Any]
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Safetensors":
        """Read a valid file."""
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        gan = json.loads(header.pop("__metadata__")["gan"])
        return cls(gan, header, data[8 + length :])

    def data(self, gan: str | None = None, tensors: str | None = None) -> bytes:
        """The file, if given with other JSON text in place of `gan` or of `tensors`."""
        text = {"gan": json.dumps(self.gan) if gan is None else gan}
        listed = json.dumps(self.tensors) if tensors is None else tensors
        if listed[:1] == "{" and listed != "{}":  # else it is no header, which is a case as well
            listed = f'{{"__metadata__":{json.dumps(text)},{listed[1:]}'
        encoded = listed.encode()
        encoded += b" " * (-len(encoded) % 8)
        return struct.pack("<Q", len(encoded)) + encoded + self.body
