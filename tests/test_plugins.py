"""Code from outside the package: a file of the user's, and modules of installed packages."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Command

import gancli
from gancli import formats, plugins, registry, weights
from gancli.config import Job
from gancli.errors import UsageError
from gancli.evaluation import classifier

OWN_CODE = Path(__file__).parent / "own_code"
MODEL = (OWN_CODE / "my_gan.py").read_text()
DATA = (OWN_CODE / "my_data.py").read_text()
TRAIN = ("train", "./my_gan.py", "--dataset", "./my_data.py", "--precision", "fp32", "--epochs")
RUN = Path("runs") / "my_gan-my_data"


@pytest.fixture(autouse=True)
def no_modules_remain() -> Iterator[None]:
    """Forget the installed packages and the modules of a test."""
    before = {*sys.modules}
    _forget_packages()
    yield
    _forget_packages()
    for name in {*sys.modules} - before:
        if not name.startswith(("gancli", "torch", "numpy")):
            del sys.modules[name]


def _forget_packages() -> None:
    plugins.installed.cache_clear()
    registry.names.cache_clear()


@pytest.fixture
def my_files(tmp_path: Path, gan_here: Command) -> Command:
    """A model and a dataset that train, as two files in the working directory."""
    (tmp_path / "my_gan.py").write_text(MODEL)
    (tmp_path / "my_data.py").write_text(DATA)
    return gan_here


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Install a package with one module and one entry point, as pip does."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def add(package: str, kind: str, name: str, source: str) -> None:
        module = package.replace("-", "_")
        (site / f"{module}.py").write_text(source)
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[gancli.{kind}]\n{name} = {module}\n")
        _forget_packages()

    return add


# -- from an empty file to a model that trains ------------------------------------------------

# What the file holds, what the message says, and what it tells the user to write.
STEPS = [
    ("", "does not define Settings", "class Settings"),
    ("Settings = {}", "does not define Settings", "class Settings"),
    (MODEL.replace("z_dim: int = 4", "z_dim: int"), "Settings.z_dim .* no default", "z_dim: int ="),
    (MODEL.replace("width: int = 8", "width: tuple = (8, 4)"), "width .* is tuple", "int, float"),
    (MODEL.replace("def preset", "def make"), "does not define the function preset", "return {}"),
    (MODEL.replace("def build", "def make"), "does not define the function build", "return MyGAN"),
    (MODEL.replace("return MyGAN(settings, shape)", "return 5"), "build returns", "gan.GAN"),
    (MODEL.replace("self.generator =", "self.g ="), "self.generator", "__init__"),
    (MODEL.replace("self.discriminator =", "self.d ="), "self.discriminator", "__init__"),
    (MODEL.replace("def generate(", "def make("), "does not define generate", "def generate(self,"),
    (MODEL.replace("def discriminator_loss", "def d"), "discriminator_loss", "return loss, {"),
    (MODEL.replace("def generator_loss", "def g"), "generator_loss", "return loss, {"),
    (MODEL.replace("generator(z)", "generator(z)[..., :8]"), r"\(8, 1, 16, 8\)", "shape.size"),
    (MODEL.replace("return generator(z)", "return 5"), "generate returns", "B, C, H, W"),
    (MODEL.replace("return loss, {", "return loss or {"), "must return a loss", "return loss"),
    (MODEL.replace("return loss, {", "return real_logits, {"), r"_loss .*\(8,\)", ".mean()"),
    (MODEL.replace("return loss, {", "return loss.item(), {"), "is a float", ".item()"),
    (MODEL.replace("return loss, {", "return loss / 0, {"), "is inf", "stable"),
    (MODEL.replace("return loss, {", "return loss.detach(), {"), "no gradient", ".detach()"),
]


@pytest.mark.parametrize(("source", "said", "next_"), STEPS)
def test_each_message_says_what_to_write_next(
    source: str, said: str, next_: str, my_files: Command
) -> None:
    Path("my_gan.py").write_text(source)
    words = [*TRAIN, "1"]
    with pytest.raises(AssertionError) as failed:  # the exit code is 1 or 2
        my_files(*words)
    error = str(failed.value)
    assert "Traceback" not in error
    assert "Internal error" not in error
    message = error[error.index("gan: ") :]
    assert re.search(said, message), message
    assert next_ in message, message


def test_the_command_checks_the_same_and_more(my_files: Command) -> None:
    Path("my_gan.py").write_text("")
    assert "class Settings" in my_files("check-model", "./my_gan.py", code=2).stderr
    Path("my_gan.py").write_text(MODEL.replace("return loss, {", "return real_logits, {"))
    assert ".mean()" in my_files("check-model", "./my_gan.py", code=1).stderr
    read = MODEL.replace("return loss, {", "loss.item(); return loss, {")
    Path("my_gan.py").write_text(read)
    assert "on the host" in my_files("check-model", "./my_gan.py", code=1).stderr
    Path("my_gan.py").write_text(MODEL)
    done = my_files("check-model", "./my_gan.py")
    assert done.stdout.startswith("./my_gan.py keeps the contract: gan train ./my_gan.py")


def test_a_missing_file_and_a_name_that_is_taken(my_files: Command) -> None:
    Path("dcgan.py").write_text(MODEL)
    Path("fashion_mnist.py").write_text(DATA)
    for words in (
        ("./mine.py", "--dataset", "glyphs"),
        ("./dcgan.py", "--dataset", "glyphs"),
        ("dcgan", "--dataset", "./fashion_mnist.py"),
    ):
        error = my_files("train", *words, code=2).stderr
        assert "no file ./mine.py" in error or "exists already" in error
        assert "Next: " in error
    assert "my_fashion_mnist.py" in error


@pytest.mark.parametrize(
    ("source", "failing", "last"),
    [
        (
            "import os\nimport nothing_like_it\n",
            "import nothing_like_it",
            "ModuleNotFoundError: No module named",
        ),
        ("x = 1\ny = (x\n", "y = (x", "SyntaxError: '(' was never closed"),
        (MODEL.replace("return MyGAN(", "return nn.Linear(1)("), "nn.Linear(1)", "TypeError: "),
        (MODEL.replace("return generator(z)", "return generator(z.T)"), "z.T", "RuntimeError: "),
    ],
    ids=["import", "syntax", "build", "step"],
)
def test_an_error_in_a_file_shows_only_its_own_part_of_the_traceback(
    source: str, failing: str, last: str, my_files: Command, tmp_path: Path
) -> None:
    Path("my_gan.py").write_text(source)
    error = my_files(*TRAIN, "1", code=1).stderr
    places = re.findall(r'File "(.*)", line (\d+)', error)
    assert {file for file, _ in places} == {str(tmp_path / "my_gan.py")}
    assert last in error
    line = next(n for n, text in enumerate(source.splitlines(), 1) if failing in text)
    assert f"gan: The error above is in my_gan.py, line {line}." in error
    assert "Next: correct it" in error


def test_a_model_and_data_in_files_train_resume_and_are_used_like_any_other(
    my_files: Command,
) -> None:
    done = my_files(*TRAIN, "1")
    assert done.stdout.strip() == str(RUN)
    header = weights.read_generator(RUN / weights.GENERATOR)
    assert (header.model, header.dataset.name) == ("my_gan", "my_data")
    assert header.model_file is not None
    assert header.model_file.name == "my_gan.py"
    assert (header.classes, header.shape.classes) == (("0", "1"), 2)

    named = ("--model-file", "./my_gan.py")
    assert f"gan sample my_gan-my_data {' '.join(named)}\n" in done.stderr
    evaluate = f"evaluate my_gan-my_data {' '.join(named)} --dataset ./my_data.py"
    assert evaluate in done.stderr
    my_files("sample", "my_gan", "-n", "4", "--out", "a.png", *named)
    my_files("sample", "--like", "a.png", "--out", "b.png", *named)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    my_files("interpolate", str(RUN), "--steps", "2", "--out", "walk.gif", *named)
    my_files("interpolate", "my_data", "--plane", "--grid", "2x2", "--out", "map.png", *named)
    measured = my_files(*evaluate.split(), "--samples", "200")
    assert "Fréchet" in measured.stdout
    assert "not the ones" not in measured.stderr

    assert "was edited" not in my_files(*TRAIN, "2").stderr
    Path("my_gan.py").write_text(MODEL + "# a comment\n")
    assert "my_gan.py was edited after this run started" in my_files(*TRAIN, "3").stderr
    Path("my_gan.py").write_text(MODEL + "# another\n")
    assert "was edited" in my_files("sample", "my_gan", "-n", "4", *named).stderr


@pytest.mark.parametrize(
    ("words", "next_"),
    [
        (("sample", "my_gan"), "--model-file ./my_gan.py"),
        (("sweep", "my_gan"), "--model-file ./my_gan.py"),
        (("interpolate", "my_gan"), "--model-file ./my_gan.py"),
        (("evaluate", "my_gan"), "--model-file ./my_gan.py"),
        (("evaluate", "my_gan", "--model-file", "my_gan.py"), "--dataset ./my_data.py"),
        (("sample", "my_gan", "--model-file", "dcgan"), "--model-file ./my_gan.py"),
        (("sample", "my_gan", "--model-file", "other.py"), "give the path of a .py file"),
        (("sample", "dcgan", "--model-file", "my_gan.py"), "gan sample dcgan"),
    ],
)
def test_a_generator_asks_for_the_files_that_made_it(
    words: tuple[str, ...], next_: str, my_files: Command, runs: None
) -> None:
    from conftest import write_weights

    write_weights(
        RUN / weights.GENERATOR,
        model="my_gan",
        model_file={"name": "my_gan.py", "digest": plugins.digest("my_gan.py")},
        dataset={"name": "my_data", "source": "./my_data.py"},
    )
    error = my_files(*words, code=2).stderr
    assert error.rpartition("Next: ")[2].strip().endswith(next_)


def test_no_file_from_a_stranger_runs_code(my_files: Command, tmp_path: Path) -> None:
    """Not the path in a header, in its dataset, or in the recipe of a picture."""
    from conftest import write_weights

    from gancli.images import save_png

    evil = tmp_path / "evil.py"
    evil.write_text("open('ran', 'w')\n")
    for model in (str(evil), "./evil.py", "evil.py"):
        file = write_weights(tmp_path / "gift.safetensors", model=model)
        my_files("sample", str(file), code=2)
    file = write_weights(file, dataset={"name": "x", "source": "./evil.py"})
    my_files("evaluate", str(file), code=2)
    command = "gan sample REF --seeds 0-3 --model-file ./evil.py"
    recipe = {"command": command, "sha256": weights.digest(file)}
    save_png(tmp_path / "gift.png", np.zeros((8, 8, 1), np.uint8), recipe)
    my_files("sample", str(file), "--like", "gift.png", code=2)
    my_files("sample", str(file), "--like", "gift.png", "--model-file", "my_gan.py", code=2)
    assert not (tmp_path / "ran").exists()


def test_the_run_folder_has_the_name_of_the_file(my_files: Command) -> None:
    def folder(model: str, dataset: str) -> str:
        return str(Job(model=model, dataset=dataset, typed={}).folder)

    assert folder("./my_gan.py", "mnist") == str(Path("runs/my_gan-mnist"))
    assert folder(str(Path("my_gan.py").absolute()), "my_data.py") == str(RUN)


def test_an_edited_file_is_run_again_and_an_unchanged_one_is_not(my_files: Command) -> None:
    first = registry.load("models", "my_gan.py")
    assert registry.load("models", "./my_gan.py") is first
    Path("my_gan.py").write_text(MODEL + "extra = 5\n")
    assert registry.load("models", "my_gan.py").extra == 5


# -- installed packages -----------------------------------------------------------------------


def test_a_package_adds_a_model_and_a_dataset(my_files: Command, install) -> None:  # type: ignore[no-untyped-def]
    install("gan-dense", "models", "dense", MODEL)
    install("gan-noise", "datasets", "noise", DATA)
    assert "dense" in registry.names("models")
    listed = my_files("datasets", "list").stdout
    assert "noise\tRandom pictures in two classes" in listed
    assert "gan_noise" not in sys.modules  # not imported for a list
    my_files("train", "dense", "--dataset", "noise", "--epochs", "1", "--precision", "fp32")
    my_files("sample", "dense", "-n", "4")  # no file to ask for: the package is installed
    my_files("datasets", "stats", "noise")
    assert "stats noise" in my_files("datasets", "info", "noise", code=2).stderr


def test_two_packages_with_the_same_name_are_both_named(my_files: Command, install) -> None:  # type: ignore[no-untyped-def]
    install("gan-one", "models", "dense", MODEL)
    install("gan-two", "models", "dense", MODEL)
    install("gan-three", "models", "dcgan", MODEL)
    my_files("train", "acgan", "--dataset", "glyphs", "--direction", "A2B", code=2)
    error = my_files("train", "dense", "--dataset", "glyphs", code=2).stderr
    assert "gan-one" in error
    assert "gan-two" in error
    assert "Next: pip uninstall gan-" in error
    error = my_files("train", "dcgan", "--dataset", "glyphs", code=2).stderr
    assert "gancli, gan-three" in error
    Path("dense.py").write_text(MODEL)
    assert "exists already" in my_files("train", "dense.py", "--dataset", "glyphs", code=2).stderr


def test_an_error_in_a_package_shows_its_own_part_of_the_traceback(
    my_files: Command,
    install,  # type: ignore[no-untyped-def]
) -> None:
    install("gan-broken", "models", "broken", "import os\nimport nothing_like_it\n")
    error = my_files("train", "broken", "--dataset", "glyphs", code=1).stderr
    assert re.findall(r'File ".*/(.*)", line', error) == ["gan_broken.py"]
    assert "gan: The error above is in gan_broken.py, line 2." in error


FORMAT = '''
"""BMP under another suffix: the last frame."""
from PIL import Image

SUFFIXES = (".mine",)

def check(path, fps):
    pass

def write(path, frames, fps, recipe=None):
    frames = list(frames)
    Image.fromarray(frames[-1][..., 0]).save(path, "bmp")
    return len(frames)
'''


def test_a_package_adds_an_output_format(my_files: Command, install, runs: None) -> None:  # type: ignore[no-untyped-def]
    install("gan-mine", "formats", "mine", FORMAT)
    assert ".mine" in formats.moving()
    my_files("sweep", "acgan", "--steps", "2", "--out", "film.mine")
    assert Path("film.mine").read_bytes()[:2] == b"BM"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (FORMAT.replace(".mine", ".gif"), "gif, mine"),
        (FORMAT.replace("def write", "def save"), "mine does not define write"),
        (FORMAT.replace('(".mine",)', 'tuple([".mine"])'), "SUFFIXES in mine must be a literal"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(
    source: str,
    said: str,
    my_files: Command,
    install,  # type: ignore[no-untyped-def]
    runs: None,
) -> None:
    install("gan-mine", "formats", "mine", source)
    out = "film.gif" if ".gif" in source else "film.mine"
    assert said in my_files("sweep", "acgan", "--out", out, code=2).stderr


def test_a_source_is_found_without_importing_its_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pack" / "models").mkdir(parents=True)
    (tmp_path / "pack" / "__init__.py").write_text("raise RuntimeError\n")
    (tmp_path / "pack" / "models" / "__init__.py").write_text("")
    (tmp_path / "pack" / "models" / "mine.py").write_text("PAIRS = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.find_source("pack.models.mine") == tmp_path / "pack" / "models" / "mine.py"
    assert plugins.find_source("pack.models.other") is None
    assert plugins.find_source("sys") is None


def test_pairs_is_read_without_running_the_file(my_files: Command) -> None:
    Path("my_gan.py").write_text("PAIRS = True\nraise RuntimeError\n")
    assert "--direction" in my_files(*TRAIN, "1", code=2).stderr
    Path("my_gan.py").write_text("PAIRS = bool(1)\n")
    with pytest.raises(UsageError, match=r"PAIRS in my_gan\.py must be a literal"):
        registry.declared("models", "my_gan.py", "PAIRS")


def test_a_file_trains_and_its_generator_is_used_from_python(
    my_files: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "STEPS", 5)
    run = gancli.train(
        "./my_gan.py", "./my_data.py", epochs=1, width=4, precision="fp32", say=gancli.silent
    )
    assert [report.epoch for report in run if report.epoch_ended] == [1]
    with pytest.raises(UsageError, match=r"my_gan\.py") as raised:
        gancli.load(RUN)
    assert raised.value.hint == "--model-file ./my_gan.py"
    loaded = gancli.load(RUN, model_file="./my_gan.py")
    assert (loaded.sample(4).array == run.generator().sample(4).array).all()
    with pytest.raises(UsageError, match=r"my_data\.py"):
        loaded.evaluate(samples=200)
    found = loaded.evaluate(samples=200, dataset="./my_data.py", say=gancli.silent)
    assert found.as_dict()["frechet"] > 0
