"""Generators whose tensors are wrong: other names, dtypes, shapes, sizes or values."""

import json
import random
import struct
from math import prod
from pathlib import Path

from tests.fuzz import generator_header, mutate
from tests.fuzz.harness import VALID, Case

DTYPES = ("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "I16", "F16", "BF16")
DTYPES += ("I32", "U32", "F32", "F64", "I64", "U64", "C64", "X1", "")
VALUES = (float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45, 0.0, 1e10)
HUGE = (2**20, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1)


def make(rng: random.Random, folder: Path) -> Case:
    """Change the tensors of a generator, or any bytes of it."""
    name = rng.choice(generator_header.RUNS)
    data = (VALID / "runs" / name / "generator.safetensors").read_bytes()
    generator_header.write_generator(folder, name, changed(rng, data))
    commands = generator_header.commands(rng, name)
    return Case(commands=commands, outputs=["out.png", "out.gif"])


def changed(rng: random.Random, data: bytes) -> bytes:
    """Change one to three tensors of a safetensors file, or any bytes of it."""
    if rng.random() < 0.2:
        return mutate.spoiled(rng, data)
    file = mutate.Safetensors.parse(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(rng, file, rng.choice([*file.tensors]))
    return file.data()


def _change(rng: random.Random, file: mutate.Safetensors, name: str) -> None:
    tensor = file.tensors[name]
    match rng.randrange(10):
        case 0:
            file.tensors[rng.choice((f"{name}x", *mutate.TEXTS[:20]))] = file.tensors.pop(name)
        case 1:
            del file.tensors[name]
        case 2:  # a tensor with another shape, of the same size or not
            tensor["shape"] = rng.choice((tensor["shape"][::-1], [1, *tensor["shape"]], [], [0]))
        case 3:
            tensor["shape"] = [rng.choice(HUGE) for _ in range(rng.randrange(1, 4))]
        case 4:
            tensor["data_offsets"] = [rng.choice((0, 1, *HUGE)), rng.choice((0, *HUGE))]
        case 5:
            tensor["dtype"] = rng.choice(DTYPES)
        case 6 | 7:
            _set_dtype(rng, file, rng.choice(DTYPES))
        case 8:
            _set_values(rng, file, tensor)
        case 9:
            other = file.tensors[rng.choice([*file.tensors])]
            tensor |= json.loads(json.dumps(rng.choice((other, {"shape": other["shape"]}))))


def _set_dtype(rng: random.Random, file: mutate.Safetensors, dtype: str) -> None:
    """Give all weights the same dtype, and as many bytes as it needs."""
    sizes = {"F16": 2, "BF16": 2, "I16": 2, "F64": 8, "I64": 8, "U64": 8, "C64": 8}
    size, end = sizes.get(dtype, 4 if dtype in ("F32", "I32", "U32") else 1), 0
    if any(prod(tensor["shape"]) > 10**6 for tensor in file.tensors.values()):
        return
    for tensor in file.tensors.values():
        is_weight = tensor["dtype"] != "I64"  # else it counts batches
        start, end = end, end + prod(tensor["shape"]) * (size if is_weight else 8)
        tensor |= {"data_offsets": [start, end]} | ({"dtype": dtype} if is_weight else {})
    file.body = bytes(end) if rng.random() < 0.5 else rng.randbytes(end)


def _set_values(rng: random.Random, file: mutate.Safetensors, tensor: dict[str, list[int]]) -> None:
    """Overwrite the first values of a tensor, or all of them."""
    start, end = tensor["data_offsets"]
    if not 0 <= start < end <= len(file.body):
        return
    value = struct.pack("<f", rng.choice(VALUES))
    count = rng.choice((1, (end - start) // 4))
    file.body = file.body[:start] + value * count + file.body[start + 4 * count :]
