"""Pictures that are wrong, hostile or damaged, in a folder."""

import io
import random
import shutil
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from gancli.data.decode import SUFFIXES
from tests.fuzz import mutate
from tests.fuzz.harness import CACHE, VALID, Case

MODES = {
    "PNG": ("1", "L", "P", "LA", "RGB", "RGBA", "I;16", "I"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("L", "P", "RGB"),
    "BMP": ("1", "L", "P", "RGB"),
    "TIFF": ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "F", "I", "I;16"),
    "ICO": ("RGBA", "L"),
    "PPM": ("1", "L", "RGB", "I"),
    "TGA": ("1", "L", "P", "RGB", "RGBA"),
    "JPEG2000": ("L", "RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "EPS": ("L", "RGB"),
    "PCX": ("L", "RGB"),
    "SGI": ("L", "RGB"),
}
OPTIONS = {
    "TIFF": ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "group4", "zstd"),
    "TGA": (None, "tga_rle"),
}
SIDES = (
    0,
    1,
    2,
    7,
    16,
    1000,
    9000,
    9433,
    9434,
    32_768,
    32_769,
    65_535,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
NAMES = (
    "\x1b[31mred\x1b[0m",
    "a\nb",
    "\udcff",
    "\N{SNOWMAN}",
    "[bold]",
    "-n",
    "x" * 200,
    "a b",
    "%s",
)


def make(rng: random.Random, folder: Path) -> Case:
    """Write a folder of pictures, most of them hostile, and a command that reads it."""
    root = folder / "set"
    layout = rng.choice(("flat", "flat", "classes", "pairs", "A and B"))
    groups = {"classes": ("a", "b"), "A and B": ("A", "B")}.get(layout, ("",))
    for group in groups:
        (root / group).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            (root / group / f"{number}.png").write_bytes(_good())
        for number in range(rng.choice((1, 1, 2))):
            name = rng.choice((f"h{number}", f"h{number}", rng.choice(NAMES)))
            (root / group / f"{name}{rng.choice(SUFFIXES)}").write_bytes(hostile(rng))
    if rng.random() < 0.05:
        (root / "link.png").symlink_to(rng.choice(("link.png", "/dev/zero", "none", "..")))
    return Case(commands=[_command(rng, folder, layout)], outputs=["out.png", "out", CACHE])


def _command(rng: random.Random, folder: Path, layout: str) -> list[str]:
    paired = layout in ("pairs", "A and B")
    train = "train pix2pix --direction A2B --set width=1" if paired else "train dcgan"
    train += " --dataset set --dry-run --device cpu --image-size "
    train += "32" if paired else "16"
    if rng.random() < 0.3:
        train += " --broken refuse"
    commands = [
        ["datasets", "check", "set", *rng.choice(([], ["--json"]))],
        ["datasets", "stats", "set", *rng.choice(([], ["--json"]))],
        ["datasets", "preview", "set", "--out", "out.png"],
        train.split(),
    ]
    printable = all(path.name.isprintable() for path in (folder / "set").iterdir())
    if layout == "flat" and printable and rng.random() < 0.6:  # it prints names as they are
        run = folder / "runs" / "pix2pix-finished"
        run.mkdir(parents=True)
        source = VALID / "runs" / run.name / "generator.safetensors"
        shutil.copyfile(source, run / source.name)
        options = rng.choice(([], ["--paired"]))
        return ["translate", f"runs/{run.name}", "set", *options, "--out", "out"]
    return rng.choice(commands)


@cache
def _good() -> bytes:
    return encoded(random.Random(0), "PNG", "RGB", (64, 32))


def hostile(rng: random.Random) -> bytes:
    """The bytes of a picture in any format, of any size, damaged or not."""
    name = rng.choice(list(MODES))
    size = rng.choice(((64, 32), (32, 32), (1, 1), (7, 90), (300, 200), (1100, 40)))
    data = encoded(rng, name, rng.choice(MODES[name]), size)
    match rng.randrange(8):
        case 0:
            return rng.choice((b"", data[: rng.randrange(20)], b"<html>", rng.randbytes(1000)))
        case 1 | 2:
            return _other_size(rng, name, data)
        case 3:
            return data
        case _:
            return mutate.spoiled(rng, data)


def encoded(rng: random.Random, name: str, mode: str, size: tuple[int, int]) -> bytes:
    """A valid picture of noise, with extras that formats offer."""
    shape = (size[1], size[0])
    noise = np.frombuffer(rng.randbytes(3 * size[0] * size[1]), np.uint8).reshape(*shape, 3)
    image = Image.fromarray(noise)
    if mode in ("I;16", "I", "F"):
        image = Image.fromarray(noise[..., 0].astype({"I": "i4", "F": "f4"}.get(mode, "u2")) * 200)
    else:
        image = image.convert("RGB").convert("L").convert("1") if mode == "1" else _to(image, mode)
    file, options = io.BytesIO(), dict[str, object]()
    if compression := rng.choice(OPTIONS.get(name, (None,))):
        options["compression"] = compression
    if name in ("GIF", "WEBP", "PNG", "TIFF") and rng.random() < 0.2:
        options |= {"save_all": True, "append_images": [image] * rng.choice((1, 3))}
    if name in ("JPEG", "PNG", "WEBP", "TIFF") and rng.random() < 0.2:
        exif = Image.Exif()
        exif[0x0112] = rng.choice((0, 3, 6, 9))
        options["exif"] = exif
    if name == "PNG" and rng.random() < 0.2:
        options |= {"pnginfo": _text(), "icc_profile": bytes(500)}
    if name in ("PNG", "GIF") and mode in ("L", "P", "RGB") and rng.random() < 0.2:
        options["transparency"] = (1, 2, 3) if mode == "RGB" else 1
    try:
        image.save(file, name, **options)
    except Exception:  # not every mode goes with every option
        file = io.BytesIO()
        image.convert("RGB").save(file, name)
    return file.getvalue()


def _to(image: Image.Image, mode: str) -> Image.Image:
    return image.convert("L").convert(mode) if mode in ("LA",) else _lab(image, mode)


def _lab(image: Image.Image, mode: str) -> Image.Image:
    return Image.merge("LAB", image.split()) if mode == "LAB" else image.convert(mode)


def _text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 2_000_000, zip=True)
    return info


def _other_size(rng: random.Random, name: str, data: bytes) -> bytes:
    """Declare another width and height, where the format keeps them."""
    width, height = rng.choice(SIDES), rng.choice(SIDES)
    changed = bytearray(data)
    if name == "PNG":
        changed[16:24] = struct.pack(">II", width, height)
        changed[29:33] = struct.pack(">I", zlib.crc32(changed[12:29]))
    elif name == "BMP":
        changed[18:26] = struct.pack("<II", width, rng.choice((height, 2**32 - height % 2**31 - 1)))
    elif name == "GIF":
        changed[6:10] = struct.pack("<HH", width % 2**16, height % 2**16)
        if (at := data.find(b"\x2c")) > 0 and rng.random() < 0.5:
            changed[at + 5 : at + 9] = changed[6:10]
    elif name == "TGA":
        changed[12:16] = struct.pack("<HH", width % 2**16, height % 2**16)
    elif name == "PPM":
        changed[3:] = b"%d %d\n255\n" % (width, height) + data[20:]
    elif name == "JPEG" and (at := data.find(b"\xff\xc0")) > 0:
        changed[at + 5 : at + 9] = struct.pack(">HH", height % 2**16, width % 2**16)
    elif name == "TIFF":
        for tag, value in ((256, width), (257, height)):
            at = data.find(struct.pack("<HHI", tag, 4, 1))
            at = at if at >= 0 else data.find(struct.pack("<HHI", tag, 3, 1))
            if at >= 0:
                changed[at + 2 : at + 12] = struct.pack("<HII", 4, 1, value)
    elif name == "JPEG2000" and (at := data.find(b"\xff\x51")) > 0:
        changed[at + 6 : at + 14] = struct.pack(">II", width, height)
    elif name == "WEBP" and (at := data.find(b"VP8X")) > 0:
        changed[at + 12 : at + 18] = struct.pack("<I", width % 2**24)[:3] + b"\xff\xff\x00"
    return bytes(changed)
