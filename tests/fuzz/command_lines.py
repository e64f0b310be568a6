"""Command lines: any command with any options, values, arguments and mistakes."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import typer

from gancli.cli.app import app
from tests.fuzz import mutate
from tests.fuzz.harness import CACHE, VALID, Case

ROOT: Any = typer.main.get_command(app)
RUNS = ("acgan-finished", "dcgan-finished", "pix2pix-finished")
# Values by parameter name. Small, because a million pictures take their time, and that is right.
# No path leads out of the room: a command writes wherever it is told to.
FILES = ("out.png", "out.gif", "o.webp", "o.mp4", "o", "out", "o/a.png", "in.png", "new/a.png")
FILES += ("runs", "a b.png", "x\x1b[2J.png", "é€.png", "-.png", ".png", ".", "o/", "n\nl.png", "x.")
REFS = ("runs/acgan-finished", "acgan", "dcgan", "pix2pix", "runs", "runs/pix2pix-finished")
REFS += ("in.png", "pictures", "pairs", "nothing", "runs/dcgan-finished/generator.safetensors")
FOLDERS = (
    "./pics",
    "./pics/disc",
    "./halves",
    "pics",
    "runs",
    "in.png",
    "mnist",
    "celeba",
    "folder",
    ".",
    "..",
)
NUMBERS = (
    *("1", "2", "3") * 4,
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "1e3",
    "x",
    "4294967296",
    "9" * 30,
    " 2",
)
SIZES = ("16", "32", "15", "0", "-16", "512")
LISTS = (
    *("0", "0-2", "0,1", "all") * 3,
    "3,7",
    "2-0",
    "1,,2",
    "all",
    "disc",
    "bar,disc",
    "-",
    "0-",
    "9" * 12,
    "x",
)
GRIDS = ("1x1", "2x3", "0x1", "2", "x", "9999x9999", "1X2", "-1x-1")
SETS = ("width=8", "hidden=8", "width=x", "width=0", "mirror=true", "mirror=2", "=", "lr=nan")
SETS += ("image_size=16", "seed=-1", "epochs=1e3", "w", "beta1=1", "width=8=8", "\x1b=\x1b")
VALUES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("out", "like", "from_"), FILES),
    **dict.fromkeys(("ref", "model"), REFS),
    **dict.fromkeys(("dataset", "name", "path"), FOLDERS),
    **dict.fromkeys(("seeds", "label", "classes", "z_seeds"), LISTS),
    "inputs": (
        "in.png",
        "pics/bar",
        "*.png",
        "**",
        "nothing.png",
        "pics/[",
        "runs",
        "film.mp4",
        "-",
    ),
    "data_dir": ("data", "./pics", "in.png", "nothing"),
    "grid": GRIDS,
    "range_": ("-1,1", "0,1", "1,0", "nan,1", "1", "0,1,2", "1e9,2e9"),
    "image_size": SIZES,
    "set_": SETS,
}
WORDS = ("a", "A2B", "B2A", "cpu", "auto", "slerp", "fp32", "train", "skip", "--", "-", "--help")


def make(rng: random.Random, folder: Path) -> Case:
    """A line for a folder with pictures, pairs and three runs."""
    for run in RUNS:
        target = folder / "runs" / run
        target.mkdir(parents=True)
        shutil.copy(VALID / "runs" / run / "generator.safetensors", target)
    for source, target in (("pictures", "pics"), ("pairs", "halves")):
        for part in (VALID / source).iterdir():
            (folder / target / part.name).mkdir(parents=True)
            for file in sorted(part.iterdir())[:3]:  # few, because every case copies them
                shutil.copy(file, folder / target / part.name)
    shutil.copy(VALID / "kept" / "acgan-sample.png", folder / "in.png")
    words = line(rng)
    return Case(commands=[words], outputs=[CACHE, *outputs(words), *defaults(folder)])


def line(rng: random.Random) -> list[str]:
    """A command with its arguments and some options, then up to two mistakes."""
    path, command = _command(rng)
    words = path + parameters(rng, command.params, options=rng.choice((0, 1, 2, 4)))
    if path[0] in ("translate", "evaluate") and rng.random() < 0.8:
        words = ["pix2pix" if word in REFS[:2] else word for word in words]
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
        mistake(rng, words)
    if "train" in words:  # a second one, because an option may take the first as its value
        words += ["--dry-run", "--dry-run"]
    if "evaluate" in words and not any("pix2pix" in word for word in words):
        words += ["--samples", "1"]  # refused; else it trains a classifier for a minute
    return words


def _command(rng: random.Random) -> tuple[list[str], Any]:
    path, command = [], ROOT
    while commands := getattr(command, "commands", None):
        path.append(rng.choice([*commands]))
        command = commands[path[-1]]
    return path, command


def parameters(rng: random.Random, every: list[Any], options: int) -> list[str]:
    """The required parameters among `every`, and some others, in any order."""
    words: list[list[str]] = []
    for parameter in every:
        wanted = parameter.required or rng.random() < options / len(every)
        if wanted and rng.random() < 0.97:
            words.append(_words(rng, parameter))
    rng.shuffle(words)
    return [word for group in words for word in group]


def _words(rng: random.Random, parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [value(rng, parameter) for _ in range(1 if parameter.nargs == 1 else 2)]
    option = rng.choice([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return [option.strip()]
    given = value(rng, parameter)
    return [f"{option}={given}"] if rng.random() < 0.2 else [option, given]


def value(rng: random.Random, parameter: Any) -> str:
    """A value that often fits the parameter."""
    choices = getattr(parameter.type_descriptor, "choices", None)
    if choices and rng.random() < 0.9:
        choice = rng.choice((*[choices[0]] * 4, *choices))
        return str(getattr(choice, "value", choice))
    if parameter.name == "model" and rng.random() < 0.8:
        return rng.choice(("dcgan", "acgan", "cgan", "began", "pix2pix"))
    if rng.random() < 0.03 and VALUES.get(parameter.name) != FILES:
        return rng.choice([text for text in mutate.TEXTS if _is_safe(text)])
    pool = VALUES.get(parameter.name, NUMBERS)
    return rng.choice(pool[:2] if rng.random() < 0.7 else pool)  # the first two are valid


def _is_safe(text: str) -> bool:
    """Tell whether a process can be given `text`, and no path outside the room is in it."""
    return "\0" not in text and "\ud800" not in text and not text.startswith(("/", "~", ".."))


def mistake(rng: random.Random, words: list[str]) -> None:
    """Change, remove, repeat or add one of `words`."""
    at = rng.randrange(len(words) + 1)
    match rng.randrange(6):
        case 0:
            del words[at : at + 1]
        case 1:
            words[at:at] = words[at : at + 1]
        case 2:
            words.insert(at, rng.choice((*WORDS, *NUMBERS, *FOLDERS[:4])))
        case 3:
            words.insert(at, f"--{rng.choice(('x', 'widht', 'ou', 'seeds', 'loop', 'fresh', 'é'))}")
        case 4 if at < len(words) and len(words[at]) > 1:
            index = rng.randrange(1, len(words[at]))
            words[at] = words[at][:index] + rng.choice("x=-\u202e ,") + words[at][index + 1 :]
        case _:
            rng.shuffle(words)


def outputs(words: list[str]) -> list[str]:
    """Everything that could be meant as an output: each word, with the variants of its name."""
    typed = [word.partition("=")[2] or word for word in words] + words
    names = [word for word in typed if word and not Path(word).is_absolute() and len(word) < 200]
    found = [name for name in names if os.path.normpath(name) not in (".", "..")]
    numbered = [f"{Path(n).with_suffix('')}-{k}{Path(n).suffix}" for n in found for k in (1, 2, 3)]
    return [*found, *numbered, *(f"{Path(n).with_suffix('')}-again{Path(n).suffix}" for n in found)]


def defaults(folder: Path) -> list[str]:
    """Outputs of commands without --out: beside their input, or named after the run."""
    ends = ("samples.png", "sweep.gif", "plane.png", "walk.gif")
    beside = [
        str(file.relative_to(folder).with_name(f"{stem}-{direction}{number}.png"))
        for file in folder.rglob("*.*")
        for stem in (file.stem, file.name.replace(".", "-"))
        for direction in ("A2B", "B2A")
        for number in ("", "-1", "-2", "-3")
    ]
    stems = [*RUNS, "in", "generator"]
    return ["preview.png", *beside, *(f"{stem}-{end}" for stem in stems for end in ends)]
