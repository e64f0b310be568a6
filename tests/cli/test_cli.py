"""The command line end to end: files it writes, exit codes, stdout and stderr.

Errors are recognised by the values in their message and by the command that they suggest; the
wording is checked in tests/wording.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import PAUSING, Command, paused
from PIL import Image

from gancli import weights
from gancli.datasets import toy_facades
from gancli.formats import read_recipe
from gancli.images import save_png
from gancli.training.folder import RunFolder

TINY = ("--set", "width=4", "--batch-size", "10", "--precision", "fp32", "--device", "cpu")
HEAVY = ("torch", "torchvision", "numpy", "PIL", "imageio", "safetensors")
HELPS = ["", "train", "sample", "evaluate", "datasets", "datasets list", "datasets info"]


@pytest.mark.parametrize("words", HELPS)
def test_help_imports_nothing_heavy(words: str) -> None:
    code = (
        "import sys\nfrom gancli.cli.app import app\n"
        f"try:\n    app({[*words.split(), '--help']!r})\n"
        "except SystemExit as e:\n    assert not e.code\n"
        f"heavy = [m for m in {HEAVY!r} if m in sys.modules]\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def failure(stderr: str) -> tuple[str, str]:
    """Return the message and the hint of the error on stderr; the hint is "" if there is none."""
    lines = stderr.splitlines()
    (message,) = (line for line in lines if line.startswith("gan: "))
    hints = [line.strip() for line in lines if line.strip().startswith("Next: ")]
    assert len(hints) <= 1
    return message.removeprefix("gan: "), "".join(hints).removeprefix("Next: ")


def test_train_writes_a_run_folder_and_sample_needs_only_its_generator(
    gan: Command, gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    done = gan("train", "dcgan", "--dataset", "./pictures", "--epochs", "2", *TINY)
    assert done.stdout.splitlines() == ["runs/dcgan-pictures"]
    lines = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    assert re.search(r"epoch 2/2 .* images/s  d_loss \d+\.\d+  g_loss \d+\.\d+", lines[1])

    run = tmp_path / "runs" / "dcgan-pictures"
    found = {str(f.relative_to(run)) for f in run.rglob("*") if f.is_file()}
    assert found == {
        *("generator.safetensors", "discriminator.safetensors", "training.safetensors"),
        *("run.json", "metrics.jsonl", "progress.gif", "losses.png", ".claim"),
        *("samples/epoch-0001.png", "samples/epoch-0002.png", "samples/latest.png"),
    }
    metrics = RunFolder(run).records()
    assert [m["epoch"] for m in metrics] == [1, 2]
    assert {"images_seen", "images_per_second", "d_loss", "g_loss"} <= set(metrics[0])
    with Image.open(run / "progress.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 2

    (run / "generator.safetensors").rename(tmp_path / "alone.safetensors")
    done = gan("sample", "alone.safetensors", "--seeds", "3,0-2", "--out", "grid.png")
    assert done.stdout.strip() == "grid.png"
    assert re.search(r"dcgan, trained on pictures \(\d+ images seen\), 16x16 gray", done.stderr)
    words = ("sample", "alone.safetensors", "--seeds", "2", "--out", "singles")
    gan_here(*words)
    message, hint = failure(gan_here(*words, code=2).stderr)
    assert "singles already holds pictures" in message
    assert "--force" in message
    assert hint.endswith("--out singles-2")
    gan_here(*words, "--force")
    with Image.open(tmp_path / "singles" / "seed-000002.png") as single:
        assert single.size == (16, 16)
        recipe = json.loads(single.text["gan"])  # type: ignore[attr-defined]
    assert recipe["command"] == "gan sample REF --seeds 2 --scale 1"


EPOCHS = "4"  # of the runs that are interrupted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 60 pictures, and the run `straight` on them, which was not interrupted."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "pictures").mkdir()
    for i in range(60):
        Image.effect_noise((16, 16), 20 + i).save(folder / "pictures" / f"{i:02}.png")
    straight = train(folder, "straight")
    _, stderr = straight.communicate()
    assert straight.returncode == 0, stderr
    return folder


def train(folder: Path, out: str, pausing: str = "") -> "subprocess.Popen[str]":
    """Start training on the pictures of `folder`; it pauses once it has printed `pausing`."""
    data = folder / "pictures"
    command = ["train", "dcgan", "--dataset", str(data), "--epochs", EPOCHS, "--out", out]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    how = ["-c", PAUSING, pausing] if pausing else ["-m", "gancli"]
    return subprocess.Popen(
        [sys.executable, *how, *command, *TINY],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def weights_of(run: Path) -> dict[str, bytes]:
    """Return the bytes of every tensor in the files of a run."""
    return {
        f"{part}.{name}": tensor.numpy().tobytes()
        for part in ("generator", "discriminator", "training")
        for name, tensor in weights.load(run / f"{part}.safetensors").items()
    }


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_resumes_to_the_same_bits(folder: Path, sign: signal.Signals) -> None:
    first = train(folder, sign.name, pausing="epoch 2/")
    assert paused(first)
    first.send_signal(sign)
    first.send_signal(signal.SIGCONT)
    _, stderr = first.communicate()
    assert first.returncode == (-9 if sign == signal.SIGKILL else 130)
    if sign == signal.SIGINT:
        assert sign.name in stderr.splitlines()[-1]  # where the run is saved

    resumed = train(folder, sign.name)
    _, stderr = resumed.communicate()
    assert resumed.returncode == 0
    assert "epoch 1/" not in stderr  # it did not start over
    assert weights_of(folder / sign.name) == weights_of(folder / "straight")
    straight, stopped = (RunFolder(folder / run).records() for run in ("straight", sign.name))
    for a, b in zip(straight, stopped, strict=True):
        assert a | {"images_per_second": 0} == b | {"images_per_second": 0}


def test_a_run_with_other_settings_is_refused_in_the_same_folder(
    gan_here: Command, folder: Path
) -> None:
    words = ("train", "dcgan", "--dataset", str(folder / "pictures"), "--epochs", EPOCHS, *TINY)
    other = gan_here(*words, "--out", str(folder / "straight"), "--lr", "0.1", code=2)
    message, hint = failure(other.stderr)
    assert re.search(r"straight.*\blr\b.*\b0\.1\b", message)
    assert "--fresh" in message
    assert hint.endswith("--lr 0.003")
    more = ("--lr", "0.1", "--set", "width=8", "--set", "mirror=true")
    both = gan_here(*words, "--out", str(folder / "straight"), *more, code=2)
    message, hint = failure(both.stderr)
    assert re.search(r"straight.*\bwidth\b.*\b4\b.*\b8\b.*\blr\b.*\b0\.1\b", message)
    options = ["--set", "width=4", "--lr", "0.003", "--set", "mirror=false"]
    assert hint.split()[-len(options) :] == options
    resumed = gan_here(*words, "--out", str(folder / "straight"), *options)
    assert "--epochs 29" in resumed.stderr  # how to train it further: it is complete


def test_more_epochs_extend_a_finished_run(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    for epochs, lines in (("1", 1), ("3", 2), ("3", 0)):
        done = gan_here("train", "dcgan", "--dataset", "pictures/", "--epochs", epochs, *TINY)
        assert len([x for x in done.stderr.splitlines() if x.startswith("epoch")]) == lines
        # the new learning rate: it reaches 0 after 3 epochs now, not after 1
        assert ("0.0019" in done.stderr) == (lines == 2)
    assert "--epochs 28" in done.stderr  # how to train a complete run further
    metrics = RunFolder(tmp_path / "runs" / "dcgan-pictures").records()
    assert [m["epoch"] for m in metrics] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "named", "next_"),
    [
        (["train", "dcgn", "--dataset", "glyphs"], "'dcgan'", "gan models"),
        (["train", "dcgan", "--dataset", "mnits"], "'mnist'", "gan datasets list"),
        (["train", "dcgan", "--dataset", "./nowhere"], "nowhere", "gan datasets list"),
        (["train", "dcgan", "--dataset", "glyphs", "--image-size", "30"], "30", "--image-size 32"),
        (["train", "dcgan", "--dataset", "glyphs", "--image-size", "999"], "256", "--image-size 2"),
        (["train", "dcgan", "--dataset", "glyphs", "--set", "width"], "--set", "--set width=32"),
        (["train", "dcgan", "--dataset", "glyphs", "--set", "widht=3"], "'width'", "--dry-run"),
        (["train", "dcgan", "--dataset", "glyphs", "--lr", "0"], "--lr", "--lr 0.0002"),
        (["train", "dcgan", "--dataset", "glyphs", "--device", "cuda"], "cuda", "--device auto"),
        (["sample", "nothing"], "nothing", "gan runs"),
        (["sample", "nothing", "--seeds", "5-3"], "--seeds 5-3", "--seeds 3-5"),
        (["sample", "nothing", "--seeds", "x"], "'x'", "--seeds 0-3"),
        (["sample", "nothing", "-n", "3", "--seeds", "0-63"], "64", "--seeds 0-63"),
        (["datasets", "info", "mnits"], "'mnist'", "gan datasets list"),
        (["datasets", "download", "glyphs"], "glyphs", "gan datasets preview glyphs"),
        (["datasets", "preview", "glyphs", "--out", "x.bmp"], "x.bmp", "--out x.png"),
        (["datasets", "preview", "glyphs", "--out", "."], "--out .", "--out picture.png"),
        (["sample", "nothing", "-n", "x" * 99_999], "xxx", "-n 64"),
        (["trian"], "'train'", "gan --help"),
        (["train"], "MODEL", "gan train dcgan --dataset fashion-mnist"),
        (["train", "dcgan", "--datset", "glyphs"], "--dataset", "gan train --help"),
        (["train", "dcgan", "--dataset", "glyphs", "--epochs", "x"], "'x'", "--epochs 25"),
        (["train", "dcgan", "--dataset", "glyphs", "--seed", "-1"], "0 to 4,294,967,295", "--seed"),
        (["train", "dcgan", "--dataset", "glyphs", "--device=x"], "mps or", "--device auto"),
        (["train", "dcgan", "--dataset", "glyphs", "--workers", "-1"], "-1", "--workers 0"),
        (["train", "dcgan", "--dataset"], "--dataset", "gan train --help"),
        (["train", "dcgan", "--dry-run=x"], "--dry-run", "gan train dcgan --dry-run"),
        (["train", "dcgan"], "--dataset", "gan train dcgan --dataset glyphs"),
        (["train", "dcgan", "mnist", "--dataset", "glyphs"], "'mnist'", "gan train --help"),
        (
            ["train", "dcgan", "--dataset", "glyphs", "--set", "image_size=28"],
            "-",
            "--image-size 28",
        ),
        (["sample", "nothing", "-n", "5000000000"], "5000000000", "-n 64"),
        (["sample", "nothing", "-n0"], "1 to 1,000,000", "-n 64"),
        (["sample", "nothing", "--count=x"], "'x'", "--count 64"),
        (["translate", "x", "--direction", "A2C", "in.jpg"], "A2B or B2A", "--direction A2B"),
        (["datasets", "infos"], "'info'", "gan datasets --help"),
        (["sweep", "x", "--fps", "nan"], "0.01 to 240", "--fps 25"),
        (["datasets", "info"], "NAME", "gan datasets info --help"),
    ],
)
def test_a_bad_command_line_fails_with_a_message_and_a_command_to_try(
    gan_here: Command, words: list[str], named: str, next_: str
) -> None:
    if words[-1] == "cuda":
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has a CUDA device")
    done = gan_here(*words, code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("gan: ")
    message, hint = failure(done.stderr)
    assert len(message) < 1000
    assert named in message
    assert next_ in hint


def test_no_command_shows_the_help(gan: Command) -> None:
    done = gan(code=2)
    assert "Usage: gan" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "named", "next_"),
    [
        (["sweep", "dcgan"], "dcgan", "gan interpolate dcgan --seeds 3,7,12"),
        (["sweep", "acgan", "--labels", "3"], "classes", "--labels all"),
        (["sweep", "acgan", "--labels", "0-12"], "class 12", "--labels 0-9"),
        (["sweep", "acgan", "--labels", "0-12"], "0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "--labels 0-9"),
        (["sweep", "acgan", "--out", "x.avi"], ".gif, .mp4, .png, .webp", "--out x.gif"),
        (["sweep", "acgan", "--grid", "3"], "'3'", "--grid 10x10"),
        (["interpolate", "dcgan", "--seeds", "3"], "seeds", "--seeds 3,7"),
        (["interpolate", "dcgan", "--seeds", "a,b"], "'a,b'", "--seeds 0-3"),
        (["interpolate", "dcgan", "--labels", "3"], "dcgan", "gan interpolate dcgan"),
        (["interpolate", "dcgan", "--plane", "--seeds", "1,2"], "2", "--seeds 3,7,12 --plane"),
        (["interpolate", "dcgan", "--plane", "--seeds", "1-4"], "4", "--seeds 3,7,12 --plane"),
        (["interpolate", "dcgan", "--plane", "--range", "1,0"], "'1,0'", "--range=-1,1"),
        (["interpolate", "dcgan", "--plane", "--loop"], "--loop", "gan interpolate --help"),
        (["interpolate", "dcgan", "--grid", "2x2"], "--grid", "gan interpolate --help"),
        (["interpolate", "cgan", "--plane", "--labels", "3,5"], "--plane", "--labels 3 --plane"),
        (["sample", "cgan", "--labels", "3", "--per-class", "2", "-n", "4"], "-n", "--per-class 2"),
        (["sample", "--like", "x.png", "--seeds", "3"], "--seeds", "gan sample --help"),
        (["sample", "dcgan", "--labels", "3"], "dcgan", "gan sample dcgan"),
        (["sample", "acgan", "--per-class", "3"], "--labels", "--labels all --per-class 3"),
        (["sample", "acgan", "--labels", "shoe"], "'shoe'", "--labels 0-9"),
        (["sample", "--like", "nothing.png"], "nothing.png", "gan sample --help"),
    ],
)
def test_sampling_refuses_options_that_do_not_fit(
    gan_here: Command, runs: None, words: list[str], named: str, next_: str
) -> None:
    done = gan_here(*words, code=2)
    assert done.stdout == ""
    message, hint = failure(done.stderr)
    assert named in message
    assert next_ in hint
    assert bool(next_) == bool(hint)


def test_like_makes_the_same_picture_again(gan_here: Command, runs: None, tmp_path: Path) -> None:
    commands = [
        ("sample", "acgan", "--labels", "7,3", "--per-class", "2", "--out", "a.png"),
        ("sweep", "cgan", "--steps", "2", "--labels", "1-3", "--grid", "2x1", "--out", "b.gif"),
        ("interpolate", "dcgan", "--plane", "--seeds", "4-6", "--grid", "2x2", "--out", "c.png"),
    ]
    for words in commands:
        gan_here(*words)
        first = tmp_path / words[-1]
        gan_here("sample", "--like", words[-1])
        again = first.with_stem(f"{first.stem}-again")
        assert again.read_bytes() == first.read_bytes()
    gan_here("sample", "acgan", "--labels", "7", "--per-class", "2", "--out", "folder")
    first = tmp_path / "folder" / "label-7-seed-000001.png"
    gan_here("sample", "--like", str(first), "--out", "alone.png")  # only this one of the folder
    assert (tmp_path / "alone.png").read_bytes() == first.read_bytes()


def test_like_refuses_pictures_without_a_valid_recipe(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    gan_here("sample", "acgan", "-n", "1", "--out", "good.png")
    good = read_recipe(tmp_path / "good.png")
    assert good is not None
    for recipe in (
        None,
        {"command": good["command"]},
        good | {"command": "gan sample REF --like bad.png"},  # would run for ever
        good | {"command": "gan sample REF '"},
    ):
        save_png(tmp_path / "bad.png", np.zeros((4, 4, 1), np.uint8), recipe)
        message, hint = failure(gan_here("sample", "acgan", "--like", "bad.png", code=2).stderr)
        assert "bad.png" in message
        assert hint == "gan sample --help"


def test_an_existing_folder_is_used_whatever_its_name(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    (tmp_path / "v1.0").mkdir()
    gan_here("sample", "acgan", "-n", "2", "--out", "v1.0")
    assert len(list((tmp_path / "v1.0").iterdir())) == 2


@pytest.mark.parametrize("empty", [("--out", ""), ("--labels=",)])
def test_an_empty_argument_is_refused(gan_here: Command, empty: tuple[str, ...]) -> None:
    message, _ = failure(gan_here("sample", "acgan", *empty, code=2).stderr)
    assert "empty" in message


def test_files_that_are_not_models_are_refused(gan_here: Command, tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torch import zeros

    (tmp_path / "text.safetensors").write_text("not at all a model, whatever its name says")
    (tmp_path / "short.safetensors").write_bytes(b"\x01")
    save_file({"w": zeros(1)}, tmp_path / "strange.safetensors")
    newer = {"gan": json.dumps({"format": weights.FORMAT + 1, "version": "99.0"})}
    save_file({"w": zeros(1)}, tmp_path / "newer.safetensors", newer)
    for name, value, next_ in (
        ("text", "text.safetensors", "gan sample --help"),
        ("short", "short.safetensors", "gan sample --help"),
        ("strange", "strange.safetensors", "gan train --help"),
        ("newer", "newer version", "install a newer version of gan"),
    ):
        message, hint = failure(gan_here("sample", f"{name}.safetensors", code=1).stderr)
        assert value in message
        assert hint == next_


def test_a_damaged_generator_is_refused(gan_here: Command, runs: None, tmp_path: Path) -> None:
    file = tmp_path / "runs" / "dcgan-mnist" / weights.GENERATOR
    file.write_bytes(file.read_bytes()[:-100])
    message, hint = failure(gan_here("sample", "dcgan-mnist", code=1).stderr)
    assert str(Path("dcgan-mnist", weights.GENERATOR)) in message
    assert hint == "gan train --help"


def test_evaluate_every_records_metrics_and_only_holds_pictures_out(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    run = ("train", "dcgan", "--dataset", "./pictures", "--epochs", "2", *TINY)
    for name, every in (("once", "2"), ("twice", "1"), ("streamed", "2")):
        stream = ["--stream"] if name == "streamed" else []
        done = gan_here(*run, *stream, "--out", name, "--evaluate-every", every)
        assert "4 of the 54 training pictures are held out" in done.stderr
    once, twice = (RunFolder(tmp_path / r).records() for r in ("once", "twice"))
    assert "val_frechet" not in once[0]
    assert once[1]["val_frechet"] > 0
    assert 0 <= once[1]["val_classes_hit"] <= 1
    assert once[1]["images_seen"] == 2 * 50  # full batches
    assert twice[0]["val_frechet"] > 0
    assert weights_of(tmp_path / "once") == weights_of(tmp_path / "twice")
    assert weights_of(tmp_path / "once") == weights_of(tmp_path / "streamed")
    assert weights.read_generator(tmp_path / "once" / weights.BEST).best.measure == "val_frechet"

    found = json.loads(gan_here("evaluate", "once", "--samples", "200", "--json").stdout)
    assert found["samples"] == 200
    assert {"frechet", "floor", "classes_hit", "accuracy", "protocol"} <= set(found)
    assert f"{found['frechet']:.2f}" in gan_here("evaluate", "once", "--samples", "200").stdout


def test_evaluate_every_measures_pictures_without_classes(gan_here: Command, folder: Path) -> None:
    words = ("train", "dcgan", "--dataset", str(folder / "pictures"), "--epochs", "2", *TINY)
    gan_here(*words, "--evaluate-every", "2", "--out", "turned")
    *_, last = RunFolder(Path("turned")).records()
    assert last["val_frechet"] > 0
    assert "val_classes_hit" not in last


def test_a_batch_larger_than_the_data_set_is_refused(gan_here: Command, pictures: Path) -> None:
    done = gan_here("train", "dcgan", "--dataset", "./pictures", "--batch-size", "64", code=2)
    message, hint = failure(done.stderr)
    assert re.search(r"\b64\b.*\bpictures\b", message)
    assert " --batch-size " in hint


def test_an_unwritable_run_folder_is_refused_before_training(
    gan_here: Command, pictures: Path
) -> None:
    done = gan_here(
        "train", "dcgan", "--dataset", "./pictures", "--out", "/proc/run", *TINY, code=1
    )
    assert "/proc/run" in failure(done.stderr)[0]
    assert "epoch" not in done.stderr


def test_dry_run_prints_the_resolved_configuration_and_writes_nothing(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    words = ("train", "dcgan", "--dataset", "./pictures", *TINY, "--set", "seed=5")
    done = gan_here(*words, "--lr", "0.001", "--dry-run")
    plan = json.loads(done.stdout)
    assert (plan["training"]["lr"], plan["training"]["seed"]) == (0.001, 5)
    assert plan["settings"]["width"] == 4
    assert plan["shape"] == {"channels": 1, "size": 16, "classes": 2, "source": 0, "palette": []}
    assert not (tmp_path / "runs").exists()


def test_datasets_list_has_a_line_for_each_data_set(gan: Command) -> None:
    lines = gan("datasets", "list").stdout.splitlines()
    assert {line.split("\t")[0] for line in lines} >= {"mnist", "fashion-mnist", "glyphs"}
    assert all(len(line.split("\t")[1]) > 10 for line in lines)


def test_unexpected_exceptions_become_messages_unless_debugging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gancli.cli import app, environment

    def fail() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(environment, "check_folder", fail)
    monkeypatch.setattr(sys, "argv", ["gan", "models"])
    monkeypatch.delenv("GAN_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1
    monkeypatch.setenv("GAN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        app.main()


TOY = ("--image-size", "16", "--epochs", "1", "--batch-size", "8", "--precision", "fp32")


@pytest.fixture
def fronts(tmp_path: Path) -> Path:
    """A folder of 40 pairs side by side, 16x16 each: B is the negative of A."""
    generator = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / "fronts" / ("test" if i % 4 == 0 else "train") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        a = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(np.concatenate([a, 255 - a], axis=1)).save(path)
    return tmp_path / "fronts"


def test_a_folder_of_pairs_can_be_trained_on_translated_and_evaluated(
    gan_here: Command, fronts: Path, tmp_path: Path
) -> None:
    gan_here(
        "train", "pix2pix", "--dataset", "./fronts", "--direction", "B2A", *TOY, "--set", "width=8"
    )
    run = tmp_path / "runs" / "pix2pix-fronts-B2A"
    with Image.open(run / "samples" / "epoch-0001.png") as shown:
        assert shown.size == (3 * 18 - 2, 6 * 18 - 2)  # input, output, truth of six test pairs
        truth = np.asarray(shown.crop((36, 0, 52, 16)))
    with Image.open(sorted((fronts / "test").iterdir())[0]) as pair:
        assert (truth == np.asarray(pair)[:, :16]).all()
        pair.crop((0, 0, 16, 16)).resize((50, 21)).save(tmp_path / "in.jpg")
    Image.new("RGB", (20, 30), "red").save(tmp_path / "turned.jpg", exif=rotated())

    done = gan_here("translate", "fronts", "in.jpg", "turned.jpg")
    assert done.stdout.split() == ["in-B2A.png", "turned-B2A.png"]
    for name, size in zip(done.stdout.split(), ((50, 21), (30, 20)), strict=True):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == size
    first = (tmp_path / "in-B2A.png").read_bytes()
    (tmp_path / "in-B2A.png").write_bytes(b"kept")
    assert gan_here("translate", "fronts", "in.jpg").stdout == "in-B2A-2.png\n"
    assert (tmp_path / "in-B2A.png").read_bytes() == b"kept"
    gan_here("translate", "fronts", "in.jpg", "--force")
    assert (tmp_path / "in-B2A.png").read_bytes() == first
    done = gan_here("translate", "fronts", "*.*g", "--out", "again")
    assert len(done.stdout.split()) == 2  # in-B2A.png and in-B2A-2.png are results
    assert read_recipe(tmp_path / "in-B2A.png")["command"].endswith("in.jpg --seed 0")  # type: ignore[index]

    gan_here("translate", "fronts", "in.jpg", "--variations", "2", "--seed", "7", "--out", "many")
    first, second = ((tmp_path / "many" / f"in-B2A-{k}.png").read_bytes() for k in (1, 2))
    assert first != second
    gan_here("translate", "pix2pix", "fronts/test", "--paired", "--out", "shown")
    shown = sorted((tmp_path / "shown").iterdir())
    assert len(shown) == 10
    with Image.open(shown[0]) as picture:
        assert picture.size == (48, 16)
    assert "PSNR" in gan_here("evaluate", "fronts").stdout


def rotated() -> Image.Exif:
    """Return Exif data that tell viewers to rotate the picture by a quarter turn."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_translate_skips_broken_pictures_and_then_fails(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "c.png", "old-A2B.png"):
        Image.new("L", (40, 40)).save(folder / name)
    (folder / "b.jpg").write_bytes(b"no picture at all")
    done = gan_here("translate", "toy-facades", "in", "in/../in/a.png", "--out", "out", code=1)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-A2B.png", "c-A2B.png"]
    message, _ = failure(done.stderr)
    assert "b.jpg" in message
    assert "a.png" not in message


@pytest.mark.parametrize(
    ("words", "code", "named", "next_"),
    [
        (["toy-facades", "in.png", "--direction", "B2A"], 2, "B2A", "--direction B2A"),
        (["dcgan", "in.png"], 2, "dcgan", "gan train pix2pix"),
        (["celeba", "in.png"], 2, "celeba", "--dataset toy-facades --direction A2B"),
        (["runs/dcgan-mnist", "in.png"], 2, "dcgan-mnist", "gan train pix2pix"),
        (["toy-facades", "nothing.png"], 2, "nothing.png", "gan translate --help"),
        (["toy-facades", "empty"], 1, "empty", "gan translate --help"),
        (["toy-facades", "in.png", "--out", "a.xyz"], 2, "a.xyz", "--out out.png"),
        (["toy-facades", "in.png", "in2.png", "--out", "a.png"], 2, "a.png", "--out a"),
        (["toy-facades", "in.png", "sub/in.png", "--out", "a"], 2, "in-png-A2B.png", "--out"),
        (["toy-facades", "walk.mp4", "--out", "a.png"], 2, ".gif, .mp4", "--out out.mp4"),
        (["toy-facades", "walk.mp4", "--paired"], 2, "--paired", "gan translate --help"),
        (["toy-facades", "bomb.png"], 1, "bomb.png", "gan translate --help"),
        (["toy-facades", "outer"], 1, "sub-folders are not searched", "'outer/**/*'"),
    ],
)
def test_translate_refuses_inputs_and_outputs_that_do_not_fit(
    gan_here: Command,
    runs: None,
    tmp_path: Path,
    words: list[str],
    code: int,
    named: str,
    next_: str,
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("in.png", "in2.png"):
        Image.new("L", (40, 40)).save(tmp_path / name)
    (tmp_path / "walk.mp4").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    Image.new("L", (40, 40)).save(tmp_path / "sub" / "in.png")
    if "bomb.png" in words:
        Image.new("1", (20_000, 10_000)).save(tmp_path / "bomb.png")
    done = gan_here("translate", *words, code=code)
    assert done.stdout == ""
    message, hint = failure(done.stderr)
    assert named in message
    assert next_ in hint


@pytest.mark.parametrize(
    ("words", "named", "next_"),
    [
        (["pix2pix", "--dataset", "toy-facades"], "pix2pix", "--direction A2B"),
        (["pix2pix", "--dataset", "glyphs"], "glyphs", "toy-facades --direction A2B"),
        (["pix2pix", "--dataset", "glyphs", "--direction", "B2A"], "glyphs", "--direction B2A"),
        (["dcgan", "--dataset", "glyphs", "--direction", "A2B"], "dcgan", "gan train pix2pix"),
    ],
)
def test_train_refuses_data_or_a_direction_that_does_not_fit_the_model(
    gan_here: Command, monkeypatch: pytest.MonkeyPatch, words: list[str], named: str, next_: str
) -> None:
    monkeypatch.setattr(toy_facades, "INFO", replace(toy_facades.INFO, train=8, test=1))
    message, hint = failure(gan_here("train", *words, code=2).stderr)
    assert named in message
    assert next_ in hint
    assert gan_here(*shlex.split(hint)[1:], "--set", "width=1", "--dry-run").stdout


SWALLOWS = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
except BaseException:
    pass
"""


@pytest.mark.parametrize(("line", "ends"), [("import swallows", 130), (SWALLOWS, 0)])
def test_imports_cannot_swallow_ctrl_c(tmp_path: Path, line: str, ends: int) -> None:
    """Some of torch's imports do: training went on as if Ctrl-C had not been pressed."""
    (tmp_path / "swallows.py").write_text(SWALLOWS)
    code = (
        "import signal; from gancli.__main__ import _interrupted;"
        f"signal.signal(signal.SIGINT, _interrupted)\n{line}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert done.returncode == ends


def test_a_stop_before_training_does_not_report_a_saved_run(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from gancli.cli import app
    from gancli.training import run

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Run, "__init__", stop)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = ["gan", "train", "dcgan", "--dataset", str(pictures), *TINY]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 130
    assert "runs/dcgan-pictures" not in capsys.readouterr().err


def test_control_characters_in_messages_are_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from gancli.cli import console

    console.say("made of \x1b[2J\x07 [bold]pictures[/bold] \udc80 by Zoë\u202fM.")
    shown = capsys.readouterr().err.strip()
    assert shown == "made of �[2J� [bold]pictures[/bold] � by Zoë\u202fM."
