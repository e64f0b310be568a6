"""Generators with a header that is wrong, hostile or damaged."""

import random
from pathlib import Path

from tests.fuzz import mutate
from tests.fuzz.harness import VALID, Case

RUNS = ("acgan-finished", "began-finished", "cgan-finished", "dcgan-finished", "pix2pix-finished")


def make(rng: random.Random, folder: Path) -> Case:
    """Change the header that gan wrote, that of safetensors, or any bytes of the two."""
    name = rng.choice(RUNS)
    data = (VALID / "runs" / name / "generator.safetensors").read_bytes()
    file = mutate.Safetensors.parse(data)
    match rng.randrange(6):
        case 0:
            data = mutate.spoiled(rng, data[: -len(file.body)]) + file.body
        case 1:
            data = file.data(tensors=mutate.json_text(rng, file.tensors))
        case _:
            data = file.data(gan=mutate.json_text(rng, file.gan))
    write_generator(folder, name, data)
    return Case(commands=commands(rng, name), outputs=["out.png", "out.gif"])


def write_generator(folder: Path, name: str, data: bytes) -> None:
    """Write a generator into the folder of its run, with a picture that it may translate."""
    run = folder / "runs" / name
    run.mkdir(parents=True)
    (run / "generator.safetensors").write_bytes(data)
    picture = VALID / "pairs" / "test" / "20.png"
    (folder / "in.png").write_bytes(picture.read_bytes())


def commands(rng: random.Random, name: str) -> list[list[str]]:
    """A command for the generator of the run `name`."""
    if rng.random() < 0.05:  # it fails at the latest when it looks for the pictures
        return [["evaluate", f"runs/{name}", "--samples", "200", "--json"]]
    ref = rng.choice((f"runs/{name}", name, name.removesuffix("-finished"), "pictures"))
    picture, film = ["--out", "out.png"], ["--steps", "2", "--out", "out.gif"]
    if name.startswith("pix2pix"):
        direction = rng.choice(([], ["--direction", "A2B"]))
        return [["translate", f"runs/{name}", "in.png", *direction, *picture]]
    choices = [
        ["sample", ref, "-n", "3", *picture],
        ["interpolate", ref, "--z-seeds", "0-1", *film],
        ["interpolate", ref, "--plane", "--grid", "2x2", *picture],
    ]
    if name.startswith(("acgan", "cgan")):
        choices += [
            ["sample", ref, "--label", "all", "--per-class", "2", *picture],
            ["sample", ref, "--label", "99", *picture],
            ["sweep", ref, *film],
        ]
    return [rng.choice(choices)]
