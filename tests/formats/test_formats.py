"""What every output format must do."""

import json
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from gancli import formats, registry
from gancli.errors import FileError, UsageError
from gancli.formats import read_recipe

RECIPE = {"command": "gan sweep acgan --seeds 3", "model": "Ärger ✓" * 60}


def frames(count, height=6, width=8, channels=1):
    """Return random frames, in which every third frame equals the one before."""
    random = np.random.default_rng(0)
    shown = random.integers(0, 256, (count, height, width, channels), np.uint8)
    shown[2::3] = shown[1::3][: len(shown[2::3])]
    return shown


@pytest.fixture(params=registry.names("formats"))
def path(request, tmp_path):
    """The path of a file in each format, in a folder that does not exist yet."""
    suffix = registry.load("formats", request.param).SUFFIXES[0]
    return tmp_path / "new" / f"out{suffix}"


@pytest.fixture(params=[name for name in registry.names("formats") if name != "png"])
def moving(request, tmp_path):
    """The same for formats that hold more than one picture."""
    suffix = registry.load("formats", request.param).SUFFIXES[0]
    return tmp_path / "new" / f"out{suffix}"


def test_these_formats_are_known():
    assert {".gif", ".mp4", ".webp", ".png", ""} <= set(formats.suffixes())


@pytest.mark.parametrize("name", registry.names("formats"))
def test_the_declared_suffixes_are_those_of_the_module(name):
    declared = {s for s, of in formats.suffixes().items() if of == [name]}
    assert declared == set(registry.load("formats", name).SUFFIXES)
    assert registry.summary("formats", name)


def test_one_frame_is_written_and_no_other_file(path):
    assert formats.writer_for(path).write(path, iter(frames(1)), 25, RECIPE) == 1
    assert list(path.parent.iterdir()) == [path]


def test_the_recipe_can_be_read_back(path):
    formats.writer_for(path).write(path, iter(frames(1)), 25, RECIPE)
    if path.suffix == ".mp4":
        found = comment(path)
    else:
        found = read_recipe(path / "00000.png" if path.is_dir() else path)
    assert found is not None
    assert {**found, **RECIPE} == found


def comment(film: Path) -> dict[str, str]:
    """Return the comment of a video as JSON, as ffmpeg reads it; gan itself does not read it."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(film)]
    command += ["-f", "ffmetadata", "-"]
    output = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    (line,) = (line for line in output.splitlines() if line.startswith("comment="))
    text = re.sub(r"\\(.)", r"\1", line.removeprefix("comment="))  # ffmpeg escapes = ; # and \\
    found: dict[str, str] = json.loads(text)
    return found


def test_an_existing_file_is_replaced(path):
    writer = formats.writer_for(path)
    if path.suffix:
        path.parent.mkdir()
        path.write_bytes(b"old")
    writer.write(path, iter(frames(1)), 25)
    assert path.is_dir() or path.read_bytes() != b"old"


def test_an_error_in_the_frames_leaves_no_files(path):
    def failing():
        yield frames(1)[0]
        raise RuntimeError("failed")

    with pytest.raises(RuntimeError):
        formats.writer_for(path).write(path, failing(), 25)
    assert [p.name for p in path.parent.parent.rglob("*") if p.is_file()] == []


def test_zero_frames_are_refused(path):
    with pytest.raises(UsageError, match="frame"):
        formats.writer_for(path).write(path, iter([]), 25)
    assert not path.exists()


def test_frames_are_released_once_written(moving):
    """Of 30 frames at most 3 are in memory at any time."""
    alive = weakref.WeakSet()
    most = 0

    class Frame(np.ndarray):
        """An array that can be put into a set; compared and hashed by identity."""

        __hash__ = object.__hash__  # type: ignore[assignment]

        def __eq__(self, other):
            return self is other if isinstance(other, Frame) else super().__eq__(other)

    def counted():
        nonlocal most
        for frame in frames(30):
            shown = frame.view(Frame)
            alive.add(shown)
            most = max(most, len(alive))
            yield shown.view(np.ndarray)
            del shown

    assert formats.writer_for(moving).write(moving, counted(), 25) == 30
    assert most <= 3


MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from gancli import formats

def high_water():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def frames():
    global early
    for k in range(600):
        if k == 50:
            early = high_water()
        yield np.full((300, 300, 1), k % 256, np.uint8)

path = Path(sys.argv[1])
assert formats.writer_for(path).write(path, frames(), 25) == 600
print(high_water() - early)
"""


def test_memory_does_not_grow_with_the_number_of_frames(moving):
    """600 frames of 88 KB would take 52 MB, even as palette indices."""
    command = [sys.executable, "-c", MEMORY, str(moving)]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert float(grown) < 20


def test_an_unknown_suffix_is_refused_without_importing_numpy():
    program = (
        "import sys; from pathlib import Path; from gancli import formats, errors\n"
        "try: formats.writer_for(Path('a.xyz'))\n"
        "except errors.UsageError: print([m for m in ('numpy', 'PIL', 'torch', 'imageio') "
        "if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_no_format_imports_torch():
    program = (
        "import sys; from gancli import registry\n"
        "for name in registry.names('formats'): registry.load('formats', name)\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr


def test_the_suffix_can_be_upper_case(tmp_path):
    assert formats.writer_for(tmp_path / "A.GIF").SUFFIXES == (".gif",)


def test_an_existing_folder_with_a_dot_in_its_name_is_a_folder(tmp_path):
    (tmp_path / "v1.2").mkdir()
    assert formats.writer_for(tmp_path / "v1.2").SUFFIXES == ("",)


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match=r"out\.avi .*\.gif, \.mp4, \.png, \.webp") as caught:
        formats.writer_for(tmp_path / "out.avi")
    assert "out.gif" in (caught.value.hint or "")


@pytest.mark.parametrize("fps", [0, -1, 1e9, float("nan"), float("inf")])
def test_an_impossible_frame_rate_is_refused(tmp_path, fps):
    with pytest.raises(UsageError, match=r"0\.01.*240"):
        formats.writer_for(tmp_path / "out.webp", fps)


def test_an_unwritable_path_is_refused_before_a_frame_is_rendered(path):
    path.parent.write_bytes(b"a file where a folder should be")
    with pytest.raises(FileError, match=path.name):
        formats.writer_for(path)


@pytest.mark.parametrize(("fps", "ticks"), [(25, 100), (30, 100), (7, 100), (23.976, 1000)])
def test_rounding_errors_of_durations_do_not_add_up(fps, ticks):
    frames = np.zeros((1000, 1, 1, 1), np.uint8)
    shown = [duration for _, _, duration in formats.timed(frames, fps, ticks)]
    ends = np.cumsum(shown) / ticks
    assert np.abs(ends - np.arange(1, 1001) / fps).max() <= 0.5 / ticks + 1e-9
    assert max(shown) - min(shown) <= 1


def test_only_the_last_frame_is_held():
    frames = np.zeros((3, 1, 1, 1), np.uint8)
    assert [d for _, _, d in formats.timed(frames, 10, 100, hold=1.5)] == [10, 10, 160]


def test_a_full_disk_raises_one_error_and_leaves_no_files(path, monkeypatch):
    """A limit on file sizes stands in for a full disk."""
    program = (
        "import resource, signal, sys; from pathlib import Path; import numpy as np\n"
        "from gancli import formats, errors\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "path = Path(sys.argv[1]); writer = formats.writer_for(path)\n"
        "noise = np.random.default_rng(0).integers(0, 256, (200, 200, 1), np.uint8)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try: writer.write(path, iter([noise]), 25)\n"
        "except errors.FileError as error: print(error.message)"
    )
    command = [sys.executable, "-c", program, str(path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert str(path) in run.stdout, run.stderr
    assert run.stdout.count("\n") == 1
    assert [p for p in Path(path.parent).rglob("*") if p.is_file()] == []
