"""Checkpoints whose tensors are wrong, from which a run is resumed."""

import random
import shutil
import struct
from pathlib import Path

from tests.fuzz import generator_body, mutate
from tests.fuzz.harness import CACHE, VALID, Case

RUN = VALID / "runs" / "dcgan-stopped"
TRAIN = "train dcgan --dataset pictures --set width=8 --set hidden=8 --z-dim 4 --lr 0.01"
TRAIN += " --device cpu --precision fp32 --batch-size 8 --out run"
SMALL = ("clock", "setbacks", "plateau", "noise.cpu")  # tensors that hold no weights
NUMBERS = (
    ("<q", (-1, 0, 7, 96, 2**31, 2**53, 2**62, -(2**63))),
    ("<d", (-1.0, 1e300, *generator_body.VALUES)),
)


def make(rng: random.Random, folder: Path) -> Case:
    """Change the checkpoint of a run, or the one from the start of its epoch."""
    copy_run(folder)
    name = rng.choice(("training", "training", "training", "epoch"))
    path = folder / "run" / f"{name}.safetensors"
    data = path.read_bytes()
    path.write_bytes(
        _small_changed(rng, data) if rng.random() < 0.5 else generator_body.changed(rng, data)
    )
    return Case(commands=[resume(rng)], outputs=["run", CACHE])


def copy_run(folder: Path) -> None:
    """Copy a run and its data."""
    shutil.copytree(RUN, folder / "run", copy_function=shutil.copyfile)
    shutil.copytree(VALID / "pictures", folder / "pictures", copy_function=shutil.copyfile)


def resume(rng: random.Random) -> list[str]:
    """The command that resumes the run, to the end of its epoch or of an earlier one."""
    return [*TRAIN.split(), "--epochs", rng.choice("4443")]


def _small_changed(rng: random.Random, data: bytes) -> bytes:
    """Change one of SMALL, which random choices would rarely hit."""
    file, name = mutate.Safetensors.parse(data), rng.choice(SMALL)
    start, end = file.tensors[name]["data_offsets"]
    if rng.random() < 0.3:
        file.tensors[name] |= rng.choice(({"shape": [1, 1]}, {"dtype": "F64"}, {"dtype": "F32"}))
        return file.data()
    body = bytearray(file.body)
    if name == "noise.cpu":
        body[start:end] = mutate.spoiled(rng, bytes(body[start:end]))[: end - start].ljust(
            end - start, b"\xff"
        )
    else:
        form, values = NUMBERS[name == "plateau"]
        at = rng.randrange(start, end, 8)
        body[at : at + 8] = struct.pack(form, rng.choice(values))
    file.body = bytes(body)
    return file.data()
