"""Pictures whose stored recipe is wrong, hostile or damaged, made again with `--like`."""

import json
import random
import shlex
import shutil
from pathlib import Path

from PIL import Image, PngImagePlugin

from gancli.formats import read_recipe
from tests.fuzz import command_lines, mutate
from tests.fuzz.harness import VALID, Case

KEPT = sorted(file for file in (VALID / "kept").iterdir())
MP4 = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free" + b"\0" * 200
FORMATS = {".png": "PNG", ".gif": "GIF", ".webp": "WEBP"}


def make(rng: random.Random, folder: Path) -> Case:
    """Change the recipe of a picture, or any bytes of its file, and run it."""
    source = rng.choice(KEPT)
    if source.stem.endswith("-A2B") and rng.random() < 0.8:  # refused whatever its recipe says
        source = KEPT[-1]
    run = f"{source.name.partition('-')[0].replace('20', 'pix2pix')}-finished"
    run = run if (VALID / "runs" / run).is_dir() else "dcgan-finished"
    (folder / "runs").mkdir()
    shutil.copytree(VALID / "runs" / run, folder / "runs" / run)
    suffix = rng.choice((*[source.suffix] * 3, *FORMATS, ".mp4"))
    like = folder / f"in{suffix}"
    if suffix == ".mp4":
        like.write_bytes(mutate.spoiled(rng, MP4))
    elif rng.random() < 0.2:
        like.write_bytes(mutate.spoiled(rng, source.read_bytes()))
    else:
        _save(rng, source, like, _recipe(rng, source))
    ref = [f"runs/{run}"] if rng.random() < 0.7 else []
    out = ["--out", f"out{rng.choice(('.png', '.gif', '.webp', ''))}"] if rng.random() < 0.5 else []
    outputs = ["out.png", "out.gif", "out.webp", "out", f"in-again{suffix}"]
    return Case(commands=[["sample", *ref, "--like", like.name, *out]], outputs=outputs)


def _recipe(rng: random.Random, source: Path) -> str:
    """The text of a recipe: changed as a command, as JSON or as text."""
    recipe = read_recipe(source) or {}
    if rng.random() < 0.7:
        recipe["command"] = _command(rng, recipe["command"])
    if rng.random() < 0.2:
        return mutate.json_text(rng, recipe)
    text = json.dumps(recipe)
    if rng.random() < 0.05:
        return mutate.spoiled(rng, text.encode()).decode("latin-1")
    return text


def _command(rng: random.Random, command: str) -> str:
    """The command of a recipe with other words, or another one with any options."""
    words = shlex.split(command)
    if rng.random() < 0.5:
        words[1] = rng.choice((words[1], "sample", "sweep", "interpolate"))
        every = command_lines.ROOT.commands[words[1]].params
        own = [parameter for parameter in every if parameter.param_type_name == "option"]
        words[3:] = command_lines.parameters(rng, own, options=rng.choice((0, 1, 2, 4)))
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        options = words[3:] if rng.random() < 0.9 else words
        command_lines.mistake(rng, options)
        words = [*words[:3], *options] if options is not words else words
    if rng.random() < 0.1:
        words.insert(rng.randrange(1, len(words) + 1), rng.choice(mutate.TEXTS))
    return shlex.join(words) + rng.choice((*[""] * 12, "'", "\\", "\n", " --out /nowhere/x.png"))


def _save(rng: random.Random, source: Path, target: Path, recipe: str) -> None:
    """Write the picture `source` to `target` with the text of a recipe."""
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    stored = recipe.encode("utf-8", "replace")
    chunks, exif = PngImagePlugin.PngInfo(), Image.Exif()
    exif[0x010E] = stored.decode()
    if target.suffix == ".png":
        add = rng.choice((chunks.add_text, chunks.add_itxt))
        add("gan", stored.decode().replace("\0", ""), zip=rng.random() < 0.2)
    try:
        picture.save(target, FORMATS[target.suffix], pnginfo=chunks, comment=stored, exif=exif)
    except (ValueError, OSError):  # the format cannot hold so long a text
        picture.save(target, FORMATS[target.suffix])
