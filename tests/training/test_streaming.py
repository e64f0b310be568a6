"""What is streamed from disk trains as what is held in memory does, to the bit."""

import multiprocessing
import os
import pickle
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import small
from torch import Tensor

from gancli.config import Training
from gancli.data.rows import Rows, RowWriter, stamp
from gancli.errors import DataError
from gancli.gan import Shape
from gancli.training.resident import Resident, Vary, order
from gancli.training.streaming import Streaming, _Reader
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")
COUNT = 20
PLAIN = Shape(channels=3, size=16)
LABELLED = Shape(channels=1, size=16, classes=3)
PAIRED = Shape(channels=3, size=16, source=3)
MIXED = Vary(jitter=0.1, mirror=True, crisp_source=True)


def stored(path: Path, shape: Shape) -> tuple[Rows, Tensor]:
    """Random pictures, or pairs of them, in a file, and in memory as uint8 (N, P, H, W, C)."""
    parts = 2 if shape.source else 1
    generator = torch.Generator().manual_seed(1)
    size = (COUNT, parts, shape.size, shape.size, shape.channels)
    pictures = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    with (path / "pictures").open("w+b") as file:
        into = RowWriter(file)
        into.append(pictures.numpy())
        return into.rows(), pictures


def sources(path: Path, shape: Shape, made: int = 0, device=CPU, **options):
    """The same pictures in memory and on disk."""
    rows, pictures = stored(path, shape)
    labels = torch.arange(COUNT) % shape.classes if shape.classes else None
    given = pictures[:, 1 - made] if shape.source else None
    return (
        Resident(pictures[:, made], labels, shape.classes, device, sources=given, vary=MIXED),
        Streaming(rows, labels, shape.classes, device, vary=MIXED, made=made, **options),
    )


def trainer(data: Resident | Streaming) -> Trainer:
    gan = small("acgan", LABELLED).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Trainer(gan, data, Training(batch_size=8, epochs=3))


def steps(trainer: Trainer, count: int) -> dict[str, Tensor]:
    for _ in range(count):
        trainer.step()
    return trainer.state()


def assert_same(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


@pytest.mark.parametrize("options", [{}, {"workers": 2}, {"workers": 1, "start_method": "spawn"}])
def test_streamed_and_resident_training_are_equal_to_the_bit(tmp_path, options):
    resident, streamed = sources(tmp_path, LABELLED, **options)
    assert_same(steps(trainer(streamed), 4), steps(trainer(resident), 4))  # into the second pass


@pytest.mark.parametrize(("shape", "made"), [(PLAIN, 0), (LABELLED, 0), (PAIRED, 0), (PAIRED, 1)])
def test_a_step_is_shown_the_same_pictures_labels_and_sources(tmp_path, shape, made):
    batches = []
    for data in sources(tmp_path, shape, made):
        torch.manual_seed(3)
        data.fetch(8, 8, lambda at: order(0, COUNT, at, at + 8))
        batches.append(data.batch(order(0, COUNT, 8, 16)))
    for resident, streamed in zip(*(vars(b).values() for b in batches), strict=True):
        assert (resident is None and streamed is None) or torch.equal(resident, streamed)
    assert (batches[0].source is None) == (not shape.source)


def test_a_restart_goes_on_to_the_bit(tmp_path):
    _, data = sources(tmp_path, LABELLED)
    whole = trainer(data)
    half = steps(whole, 2)
    end = steps(whole, 2)
    _, data = sources(tmp_path, LABELLED)
    again = trainer(data)
    for _ in range(2):  # the second time it goes back, with the same source
        again.load({k: v.clone() for k, v in half.items()})
        assert_same(steps(again, 2), end)


def test_another_size_of_batch_goes_on_from_the_same_place(tmp_path):
    rows, pictures = stored(tmp_path, PLAIN)
    data = Streaming(rows, None, 0, CPU, vary=Vary())
    for start, size in ((0, 8), (8, 8), (16, 4), (20, 4), (4, 4)):
        data.fetch(start, size, lambda at, size=size: order(5, COUNT, at, at + size))
        index = order(5, COUNT, start, start + size)
        expected = pictures[index, 0].float().div(127.5).sub(1).permute(0, 3, 1, 2)
        assert torch.equal(data.batch(index).image, expected)


def test_reading_draws_no_noise(tmp_path):
    data = Streaming(stored(tmp_path, PLAIN)[0], None, 0, CPU, vary=Vary())
    before = torch.get_rng_state()
    data.fetch(0, 8, lambda at: order(0, COUNT, at, at + 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert data.waited > 0


def test_workers_are_sent_no_pictures(tmp_path):
    rows, pictures = stored(tmp_path, PLAIN)
    assert len(pickle.dumps(_Reader(rows))) < 1000 < pictures.numel()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_is_gone_or_another_is_said(tmp_path, workers):
    rows, _ = stored(tmp_path, PLAIN)
    other = replace(rows, stamp=(0, 0))
    gone = replace(rows, path=tmp_path / "gone")
    (tmp_path / "cut").write_bytes(rows.path.read_bytes()[:100])
    cut = replace(rows, path=tmp_path / "cut", stamp=stamp((tmp_path / "cut").stat()))
    for wrong, said in ((other, "was replaced"), (gone, "cannot be read"), (cut, "is cut short")):
        data = Streaming(wrong, None, 0, CPU, vary=Vary(), workers=workers)
        with pytest.raises(DataError, match=said):
            data.fetch(0, 8, lambda at: order(0, COUNT, at, at + 8))


def test_a_reader_reads_on_when_asked_to_stop_and_its_death_is_said_where_it_is_missed(tmp_path):
    """SIGTERM reaches every process of a job, and the one that trains has yet to save."""
    data = Streaming(stored(tmp_path, PLAIN)[0], None, 0, CPU, vary=Vary(), workers=1)

    def fetch(starts):
        for start in starts:
            data.fetch(start, 8, lambda at: order(0, COUNT, at, at + 8))

    others = set(multiprocessing.active_children())  # of other tests
    fetch([0])
    (reader,) = set(multiprocessing.active_children()) - others
    os.kill(reader.pid, signal.SIGTERM)
    fetch(range(8, 80, 8))
    os.kill(reader.pid, signal.SIGKILL)
    reader.join()
    time.sleep(0.1)  # nothing is raised here
    with pytest.raises(DataError, match="read no more"):
        fetch(range(80, 160, 8))
    fetch([0])
    data.close()
    assert set(multiprocessing.active_children()) <= others


@pytest.mark.gpu
@pytest.mark.usefixtures("exact")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_sent_ahead_to_a_gpu_is_what_lies_there(tmp_path, capture, workers):
    device, states = torch.device("cuda"), []
    for data in sources(tmp_path, LABELLED, device=device, workers=workers):
        data.vary = Vary()
        gan = small("acgan", LABELLED).to(device)
        trained = Trainer(gan, data, Training(batch_size=8, epochs=9), capture=capture)
        states.append(steps(trained, 20))
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-4, atol=1e-5, msg=key)
