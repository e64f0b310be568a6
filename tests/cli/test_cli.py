"""The command line as a user meets it: real files, what is said and where, mostly in processes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PAUSING, Command, paused
from PIL import Image

from gancli import weights
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


def test_train_makes_a_run_folder_and_sample_needs_its_generator_alone(
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
        *("samples/epoch-0001.png", "samples/epoch-0002.png"),
    }
    metrics = RunFolder(run).records()
    assert [m["epoch"] for m in metrics] == [1, 2]
    assert {"images_seen", "images_per_second", "d_loss", "g_loss"} <= set(metrics[0])
    with Image.open(run / "progress.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 2

    (run / "generator.safetensors").rename(tmp_path / "alone.safetensors")
    done = gan("sample", "alone.safetensors", "--seeds", "3,0-2", "--out", "grid.png")
    assert done.stdout.strip() == "grid.png"
    assert re.search(r"dcgan, trained on \d+ pictures of pictures, 16x16 gray", done.stderr)
    for _ in range(2):  # a folder that is there already is no obstacle
        gan_here("sample", "alone.safetensors", "--seeds", "2", "--out", "singles")
    with Image.open(tmp_path / "singles" / "seed-000002.png") as single:
        assert single.size == (16, 16)
        recipe = json.loads(single.text["gan"])  # type: ignore[attr-defined]
    assert recipe["command"] == "gan sample REF --seeds 2"


EPOCHS = "4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 60 pictures, and a run on them that was never interrupted."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "pictures").mkdir()
    for i in range(60):
        Image.effect_noise((16, 16), 20 + i).save(folder / "pictures" / f"{i:02}.png")
    straight = train(folder, "straight")
    _, said = straight.communicate()
    assert straight.returncode == 0, said
    return folder


def train(folder: Path, out: str, pausing: str = "") -> "subprocess.Popen[str]":
    """Start a training on the pictures of the folder, which pauses once it has said `pausing`."""
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
    return {
        f"{part}.{name}": tensor.numpy().tobytes()
        for part in ("generator", "discriminator", "training")
        for name, tensor in weights.load(run / f"{part}.safetensors").items()
    }


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_ends_as_if_it_never_was(folder: Path, sign: signal.Signals) -> None:
    first = train(folder, sign.name, pausing="epoch 2/")
    assert paused(first)
    first.send_signal(sign)
    first.send_signal(signal.SIGCONT)
    _, said = first.communicate()
    assert first.returncode == (-9 if sign == signal.SIGKILL else 130)
    if sign == signal.SIGINT:
        assert "the same command goes on" in said

    again = train(folder, sign.name)
    _, said = again.communicate()
    assert again.returncode == 0
    assert "Going on with" in said
    assert weights_of(folder / sign.name) == weights_of(folder / "straight")
    straight, stopped = (RunFolder(folder / run).records() for run in ("straight", sign.name))
    for a, b in zip(straight, stopped, strict=True):
        assert a | {"images_per_second": 0} == b | {"images_per_second": 0}


def test_a_folder_is_not_taken_by_another_run_unless_asked(gan_here: Command, folder: Path) -> None:
    words = ("train", "dcgan", "--dataset", str(folder / "pictures"), "--epochs", EPOCHS, *TINY)
    other = gan_here(*words, "--out", str(folder / "straight"), "--lr", "0.1", code=2)
    assert "holds another run: its lr is" in other.stderr
    assert "--fresh" in other.stderr
    wider = gan_here(*words, "--out", str(folder / "straight"), "--set", "width=8", code=2)
    assert "its width is 4, not 8" in wider.stderr


def test_more_epochs_extend_a_run(gan_here: Command, pictures: Path, tmp_path: Path) -> None:
    raised = "learning rate reaches 0 after 3 epochs, no longer after 1: it goes on from 0.0019."
    for epochs, lines in (("1", 1), ("3", 2), ("3", 0)):
        done = gan_here("train", "dcgan", "--dataset", "pictures/", "--epochs", epochs, *TINY)
        assert len([x for x in done.stderr.splitlines() if x.startswith("epoch")]) == lines
        assert (raised in done.stderr) == (lines == 2)
    assert "is trained already" in done.stderr
    metrics = RunFolder(tmp_path / "runs" / "dcgan-pictures").records()
    assert [m["epoch"] for m in metrics] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "says", "next_"),
    [
        (["train", "dcgn", "--dataset", "glyphs"], "Did you mean 'dcgan'?", "gan train --help"),
        (["train", "dcgan", "--dataset", "mnits"], "Did you mean 'mnist'?", "gan datasets list"),
        (["train", "dcgan", "--dataset", "./nowhere"], "There is no folder", "gan datasets list"),
        (["train", "dcgan", "--dataset", "glyphs", "--image-size", "30"], "multiples of 4", "32"),
        (["train", "dcgan", "--dataset", "glyphs", "--image-size", "999"], "16 to 256", "256"),
        (["train", "dcgan", "--dataset", "glyphs", "--set", "width"], "KEY=VALUE", "--set width"),
        (["train", "dcgan", "--dataset", "glyphs", "--set", "widht=3"], "'width'?", "--dry-run"),
        (
            ["train", "dcgan", "--dataset", "glyphs", "--lr", "0"],
            "--lr must lie between",
            "--lr 0.0002",
        ),
        (["train", "dcgan", "--dataset", "glyphs", "--device", "cuda"], "no such", "--device auto"),
        (["sample", "nothing"], "neither a file, nor a run folder", "gan train"),
        (["sample", "nothing", "--seeds", "5-3"], "empty range", "--seeds 3-5"),
        (["sample", "nothing", "--seeds", "x"], "ranges such as 0-3", "Next: --seeds 0-3"),
        (["sample", "nothing", "-n", "3", "--seeds", "0-63"], "do not agree", "--seeds 0-63"),
        (["datasets", "info", "mnits"], "Did you mean 'mnist'?", "gan datasets list"),
        (["datasets", "download", "glyphs"], "needs no download", "gan datasets preview"),
        (["datasets", "preview", "glyphs", "--out", "x.bmp"], "not a .png", "--out x.png"),
        (["trian"], "Did you mean 'train'?", "Next: gan --help"),
        (["train"], "Missing argument 'MODEL'.", "Next: gan train --help"),
        (["train", "dcgan", "--datset", "glyphs"], "--dataset", "Next: gan train --help"),
        (["train", "dcgan", "--dataset", "glyphs", "--epochs", "x"], "'--epochs'", "gan train"),
        (["sample", "nothing", "-n", "5000000000"], "'--count'", "Next: gan sample --help"),
        (["translate", "x", "--direction", "A2C", "in.jpg"], "'A2B', 'B2A'.", "gan translate"),
        (["datasets", "info"], "Missing argument 'NAME'.", "Next: gan datasets info --help"),
    ],
)
def test_what_cannot_be_meant_gets_a_sentence_and_a_next_command(
    gan: Command, words: list[str], says: str, next_: str
) -> None:
    if words[-1] == "cuda":
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is such a device")
    done = gan(*words, code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("gan: ")
    assert says in done.stderr
    assert next_ in done.stderr
    assert ("Next: " in done.stderr) == bool(next_)


def test_no_command_shows_the_help(gan: Command) -> None:
    done = gan(code=2)
    assert "Usage: gan" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "says", "next_"),
    [
        (["sweep", "dcgan"], "dcgan was not trained with labels", "gan interpolate dcgan"),
        (["sweep", "acgan", "--classes", "3"], "two classes or more", "--classes all"),
        (["sweep", "acgan", "--classes", "0-12"], "no class 12. Classes: 0, 1, 2", "--classes 0-9"),
        (["sweep", "acgan", "--out", "x.avi"], "Known: .gif, .mp4, .png, .webp", "x.gif"),
        (["sweep", "acgan", "--grid", "3"], "takes rows and columns", "--grid 10x10"),
        (["interpolate", "dcgan", "--z-seeds", "3"], "two seeds or more", "--z-seeds 3,7"),
        (["interpolate", "dcgan", "--z-seeds", "a,b"], "ranges such as 0-3", "Next: --z-seeds 0-3"),
        (["interpolate", "dcgan", "--label", "3"], "was not trained with labels", "--help"),
        (["interpolate", "dcgan", "--plane", "--z-seeds", "1,2"], "needs three seeds", "--plane"),
        (["interpolate", "dcgan", "--plane", "--range", "1,0"], "lower one first", "--range=-1,1"),
        (["interpolate", "dcgan", "--plane", "--z-seeds", "1-4"], "needs three seeds", "--plane"),
        (["interpolate", "dcgan", "--plane", "--loop"], "--loop is of a walk", "gan interpolate"),
        (["interpolate", "dcgan", "--grid", "2x2"], "--grid goes with --plane", "gan interpolate"),
        (["interpolate", "cgan", "--plane", "--label", "3,5"], "shows one class", "--label 3"),
        (["sample", "cgan", "--label", "3", "--per-class", "2", "-n", "4"], "one of them", ""),
        (["sample", "--like", "x.png", "--seeds", "3"], "--seeds is in the recipe", "gan sample"),
        (["sample", "dcgan", "--label", "3"], "was not trained with labels", "gan sample --help"),
        (["sample", "acgan", "--per-class", "3"], "goes with --label", "--label all"),
        (["sample", "acgan", "--label", "shoe"], "no class 'shoe'. Classes: 0, 1", "--label 0-9"),
        (
            ["sample", "--like", "nothing.png"],
            "There is no picture nothing.png",
            "gan sample --help",
        ),
        (["sample"], "Which generator?", "gan sample --help"),
    ],
)
def test_playing_refuses_what_cannot_be_shown(
    gan_here: Command, runs: None, words: list[str], says: str, next_: str
) -> None:
    done = gan_here(*words, code=2)
    assert done.stdout == ""
    assert says in done.stderr
    assert next_ in done.stderr
    assert ("Next: " in done.stderr) == bool(next_)


def test_a_picture_makes_itself_again(gan_here: Command, runs: None, tmp_path: Path) -> None:
    made = [
        ("sample", "acgan", "--label", "7,3", "--per-class", "2", "--out", "a.png"),
        ("sweep", "cgan", "--steps", "2", "--classes", "1-3", "--grid", "2x1", "--out", "b.gif"),
        ("interpolate", "dcgan", "--plane", "--z-seeds", "4-6", "--grid", "2x2", "--out", "c.png"),
    ]
    for words in made:
        gan_here(*words)
        first = tmp_path / words[-1]
        gan_here("sample", "--like", words[-1])
        again = first.with_stem(f"{first.stem}-again")
        assert again.read_bytes() == first.read_bytes()
    gan_here("sample", "acgan", "--label", "7", "--per-class", "2", "--out", "folder")
    first = tmp_path / "folder" / "label-7-seed-000001.png"
    gan_here("sample", "--like", str(first), "--out", "alone.png")  # that one, not its neighbours
    assert (tmp_path / "alone.png").read_bytes() == first.read_bytes()
    Image.new("L", (4, 4)).save(tmp_path / "plain.png")
    assert "carries no recipe" in gan_here("sample", "--like", "plain.png", code=2).stderr
    whole = read_recipe(first)
    assert whole is not None
    for strange in ("gan sample REF --like strange.png", "gan sample REF '", None):
        recipe = whole | {"command": strange} if strange else {"command": whole["command"]}
        save_png(tmp_path / "strange.png", np.zeros((4, 4, 1), np.uint8), recipe)
        refused = gan_here("sample", "acgan", "--like", "strange.png", code=2)
        assert "carries no recipe" in refused.stderr
    (tmp_path / "v1.0").mkdir()
    gan_here("sample", "acgan", "-n", "2", "--out", "v1.0")
    assert len(list((tmp_path / "v1.0").iterdir())) == 2
    for empty in (("--out", ""), ("--label=",)):
        assert "is empty" in gan_here("sample", "acgan", *empty, code=2).stderr


def test_a_file_that_is_no_model(gan_here: Command, tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torch import zeros

    (tmp_path / "text.safetensors").write_text("not at all a model, whatever its name says")
    (tmp_path / "short.safetensors").write_bytes(b"\x01")
    save_file({"w": zeros(1)}, tmp_path / "strange.safetensors")
    newer = {"gan": json.dumps({"format": weights.FORMAT + 1, "version": "99.0"})}
    save_file({"w": zeros(1)}, tmp_path / "newer.safetensors", newer)
    for name, says in (
        ("text", "is not a model"),
        ("short", "is not a model"),
        ("strange", "not of a model made by gan"),
        ("newer", "made by a newer gan (99.0)"),
    ):
        assert says in gan_here("sample", f"{name}.safetensors", code=1).stderr


def test_a_damaged_generator_is_refused(gan_here: Command, runs: None, tmp_path: Path) -> None:
    file = tmp_path / "runs" / "dcgan-mnist" / weights.GENERATOR
    file.write_bytes(file.read_bytes()[:-100])
    assert "is damaged" in gan_here("sample", "dcgan-mnist", code=1).stderr


def test_measuring_on_the_way_is_recorded_and_changes_nothing(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    run = ("train", "dcgan", "--dataset", "./pictures", "--epochs", "2", *TINY)
    gan_here(*run, "--out", "plain")
    gan_here(*run, "--out", "measured", "--evaluate-every", "2")
    plain, measured = (RunFolder(tmp_path / r).records() for r in ("plain", "measured"))
    assert "frechet" not in measured[0]
    assert measured[1]["frechet"] > 0
    assert 0 <= measured[1]["classes_hit"] <= 1
    assert [m["d_loss"] for m in plain] == [m["d_loss"] for m in measured]
    assert weights_of(tmp_path / "plain") == weights_of(tmp_path / "measured")

    found = json.loads(gan_here("evaluate", "measured", "--samples", "200", "--json").stdout)
    assert found["samples"] == 200
    assert {"frechet", "floor", "classes_hit", "accuracy", "protocol"} <= set(found)
    assert "Fréchet distance" in gan_here("evaluate", "measured", "--samples", "200").stdout


def test_what_has_no_classes_is_measured_as_well(gan_here: Command, folder: Path) -> None:
    words = ("train", "dcgan", "--dataset", str(folder / "pictures"), "--epochs", "2", *TINY)
    gan_here(*words, "--evaluate-every", "2", "--out", "turned")
    *_, last = RunFolder(Path("turned")).records()
    assert last["frechet"] > 0
    assert "classes_hit" not in last


def test_a_batch_larger_than_the_data(gan_here: Command, pictures: Path) -> None:
    done = gan_here("train", "dcgan", "--dataset", "./pictures", "--batch-size", "64", code=2)
    assert "A batch of 64 is larger than pictures" in done.stderr
    assert "--batch-size" in done.stderr


def test_an_unwritable_place_is_named_before_any_work(gan_here: Command, pictures: Path) -> None:
    done = gan_here(
        "train", "dcgan", "--dataset", "./pictures", "--out", "/proc/run", *TINY, code=1
    )
    assert "/proc/run" in done.stderr


def test_dry_run_prints_everything_resolved_and_writes_nothing(
    gan_here: Command, pictures: Path, tmp_path: Path
) -> None:
    words = ("train", "dcgan", "--dataset", "./pictures", *TINY, "--set", "seed=5")
    done = gan_here(*words, "--lr", "0.001", "--dry-run")
    plan = json.loads(done.stdout)
    assert (plan["training"]["lr"], plan["training"]["seed"]) == (0.001, 5)
    assert plan["settings"]["width"] == 4
    assert plan["shape"] == {"channels": 1, "size": 16, "classes": 2, "source": 0, "palette": []}
    assert not (tmp_path / "runs").exists()


def test_datasets_list_names_every_file_of_the_folder(gan: Command) -> None:
    lines = gan("datasets", "list").stdout.splitlines()
    assert {line.split("\t")[0] for line in lines} >= {"mnist", "fashion-mnist", "glyphs"}
    assert all(len(line.split("\t")[1]) > 10 for line in lines)


def test_a_stranger_s_exception_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from gancli.cli import app

    def fail(**_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(app, "app", fail)
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
    """A folder of 40 pairs side by side, 16x16 each: B is A the other way round."""
    generator = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / "fronts" / ("test" if i % 4 == 0 else "train") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        a = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(np.concatenate([a, 255 - a], axis=1)).save(path)
    return tmp_path / "fronts"


def test_pairs_from_training_to_translations(
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
    Image.new("RGB", (20, 30), "red").save(tmp_path / "turned.jpg", exif=turned())

    done = gan_here("translate", "fronts", "in.jpg", "turned.jpg")
    assert done.stdout.split() == ["in-B2A.png", "turned-B2A.png"]
    for name, size in zip(done.stdout.split(), ((50, 21), (30, 20)), strict=True):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == size
    first = (tmp_path / "in-B2A.png").read_bytes()
    assert "is there already" in gan_here("translate", "fronts", "in.jpg", code=2).stderr
    gan_here("translate", "fronts", "in.jpg", "--force")
    assert (tmp_path / "in-B2A.png").read_bytes() == first
    assert read_recipe(tmp_path / "in-B2A.png")["command"].endswith("in.jpg --seed 0")  # type: ignore[index]

    gan_here("translate", "fronts", "in.jpg", "--variations", "2", "--seed", "7", "--out", "many")
    made = [(tmp_path / "many" / f"in-B2A-{k}.png").read_bytes() for k in (1, 2)]
    assert made[0] != made[1]
    gan_here("translate", "pix2pix", "fronts/test", "--paired", "--out", "shown")
    shown = sorted((tmp_path / "shown").iterdir())
    assert len(shown) == 10
    with Image.open(shown[0]) as picture:
        assert picture.size == (48, 16)
    assert "PSNR" in gan_here("evaluate", "fronts").stdout


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    return exif


def test_translate_goes_on_past_a_broken_picture(
    gan_here: Command, runs: None, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "c.png", "old-A2B.png"):
        Image.new("L", (40, 40)).save(folder / name)
    (folder / "b.jpg").write_bytes(b"no picture at all")
    done = gan_here("translate", "toy-facades", "in", "in/../in/a.png", "--out", "out", code=1)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-A2B.png", "c-A2B.png"]
    assert "b.jpg (no picture)" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says", "next_"),
    [
        (["toy-facades", "in.png", "--direction", "B2A"], 2, "translates B2A", "--direction B2A"),
        (["dcgan", "in.png"], 2, "No run of dcgan", "gan train pix2pix"),
        (["celeba", "in.png"], 2, "neither a file", "--dataset toy-facades --direction A2B"),
        (["runs/dcgan-mnist", "in.png"], 2, "translates no pictures", "gan train pix2pix"),
        (["toy-facades", "nothing.png"], 2, "no file nothing.png", "gan translate --help"),
        (["toy-facades", "empty"], 1, "no pictures in empty", "gan translate --help"),
        (["toy-facades", "in.png", "--out", "a.xyz"], 2, "none of .png", "--out out.png"),
        (["toy-facades", "in.png", "in2.png", "--out", "a.png"], 2, "need a folder", "--out a"),
        (["toy-facades", "in.png", "sub/in.png", "--out", "a"], 2, "over the other", "--out"),
        (["toy-facades", "walk.mp4", "--out", "a.png"], 2, "none of .gif, .mp4", "--out out.mp4"),
        (["toy-facades", "walk.mp4", "--paired"], 2, "takes pictures", "gan translate --help"),
        (["toy-facades", "bomb.png"], 1, "bomb.png (too many pixels)", "gan translate --help"),
    ],
)
def test_translate_refuses(
    gan_here: Command,
    runs: None,
    tmp_path: Path,
    words: list[str],
    code: int,
    says: str,
    next_: str,
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("in.png", "in2.png"):
        Image.new("L", (40, 40)).save(tmp_path / name)
    (tmp_path / "walk.mp4").touch()
    (tmp_path / "sub").mkdir()
    Image.new("L", (40, 40)).save(tmp_path / "sub" / "in.png")
    if "bomb.png" in words:
        Image.new("1", (20_000, 10_000)).save(tmp_path / "bomb.png")
    done = gan_here("translate", *words, code=code)
    assert done.stdout == ""
    assert says in done.stderr
    assert next_ in done.stderr
    assert ("Next: " in done.stderr) == bool(next_)


def test_pairs_are_asked_for_where_they_are_needed(gan_here: Command, pictures: Path) -> None:
    train = ("train", "pix2pix", "--dataset")
    assert "say which" in gan_here(*train, "toy-facades", code=2).stderr
    assert "has no pairs" in gan_here(*train, "glyphs", "--direction", "A2B", code=2).stderr
    refused = gan_here("train", "dcgan", "--dataset", "glyphs", "--direction", "A2B", code=2)
    assert "translates no pictures" in refused.stderr


SWALLOWS = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
except BaseException:
    pass
"""


@pytest.mark.parametrize(("line", "ends"), [("import swallows", 130), (SWALLOWS, 0)])
def test_no_import_can_swallow_ctrl_c(tmp_path: Path, line: str, ends: int) -> None:
    """Some of torch's do: the training went on as if nothing had been pressed."""
    (tmp_path / "swallows.py").write_text(SWALLOWS)
    code = (
        "import signal; from gancli.__main__ import _interrupted;"
        f"signal.signal(signal.SIGINT, _interrupted)\n{line}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert done.returncode == ends


def test_a_stop_before_training_does_not_claim_that_anything_was_saved(
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
    assert "saved" not in capsys.readouterr().err


def test_what_a_stranger_s_file_says_of_itself_steers_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from gancli.cli import console

    console.say("made of \x1b[2J\x07 [bold]pictures[/bold] \udc80 by Zoë\u202fM.")
    said = capsys.readouterr().err.strip()
    assert said == "made of �[2J� [bold]pictures[/bold] � by Zoë\u202fM."
