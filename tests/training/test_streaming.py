"""Streaming from disk gives bit-identical training to data held in memory."""

import multiprocessing
import os
import pickle
import re
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
from gancli.training.resident import Augmentation, ResidentDataset, order
from gancli.training.streaming import StreamingDataset, _RowsDataset
from gancli.training.trainer import Trainer

CPU = torch.device("cpu")
COUNT = 20
PLAIN = Shape(channels=3, size=16)
LABELLED = Shape(channels=1, size=16, classes=3)
PAIRED = Shape(channels=3, size=16, source=3)
MIXED = Augmentation(jitter=0.1, mirror=True, source_is_label_map=True)


def write_images(path: Path, shape: Shape) -> tuple[Rows, Tensor]:
    """Random images or pairs as rows of a file, and the same as uint8 (N, P, H, W, C)."""
    parts = 2 if shape.source else 1
    generator = torch.Generator().manual_seed(1)
    size = (COUNT, parts, shape.size, shape.size, shape.channels)
    images = torch.randint(0, 256, size, dtype=torch.uint8, generator=generator)
    with (path / "images").open("w+b") as file:
        into = RowWriter(file)
        into.append(images.numpy())
        return into.rows(), images


def both_datasets(path: Path, shape: Shape, target: int = 0, device=CPU, **options):
    """The same images as a resident and as a streaming dataset."""
    rows, images = write_images(path, shape)
    labels = torch.arange(COUNT) % shape.classes if shape.classes else None
    sources = images[:, 1 - target] if shape.source else None
    return (
        ResidentDataset(
            images[:, target], labels, shape.classes, device, sources=sources, augmentation=MIXED
        ),
        StreamingDataset(
            rows, labels, shape.classes, device, augmentation=MIXED, target=target, **options
        ),
    )


def trainer(data: ResidentDataset | StreamingDataset) -> Trainer:
    gan = small("acgan", LABELLED).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Trainer(gan, data, Training(batch_size=8, epochs=3))


def steps(trainer: Trainer, count: int) -> dict[str, Tensor]:
    for _ in range(count):
        trainer.step()
    return trainer.state()


def assert_equal_states(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


@pytest.mark.parametrize("options", [{}, {"workers": 2}, {"workers": 1, "start_method": "spawn"}])
def test_streamed_training_is_bit_identical_to_resident_training(tmp_path, options):
    resident, streamed = both_datasets(tmp_path, LABELLED, **options)
    assert_equal_states(
        steps(trainer(streamed), 4), steps(trainer(resident), 4)
    )  # into the second pass


@pytest.mark.parametrize(("shape", "target"), [(PLAIN, 0), (LABELLED, 0), (PAIRED, 0), (PAIRED, 1)])
def test_batches_are_the_same_as_from_memory(tmp_path, shape, target):
    batches = []
    for data in both_datasets(tmp_path, shape, target):
        torch.manual_seed(3)
        data.fetch(8, 8, lambda at: order(0, COUNT, at, at + 8))
        batches.append(data.batch(order(0, COUNT, 8, 16)))
    for resident, streamed in zip(*(vars(b).values() for b in batches), strict=True):
        assert (resident is None and streamed is None) or torch.equal(resident, streamed)
    assert (batches[0].source is None) == (not shape.source)


def test_resuming_with_streamed_data_is_bit_identical(tmp_path):
    _, data = both_datasets(tmp_path, LABELLED)
    uninterrupted = trainer(data)
    half = steps(uninterrupted, 2)
    end = steps(uninterrupted, 2)
    _, data = both_datasets(tmp_path, LABELLED)
    resumed = trainer(data)
    for _ in range(2):  # the second time it returns to an earlier position of the same dataset
        resumed.load({k: v.clone() for k, v in half.items()})
        assert_equal_states(steps(resumed, 2), end)


def test_fetch_follows_changes_of_batch_size_and_position(tmp_path):
    rows, images = write_images(tmp_path, PLAIN)
    data = StreamingDataset(rows, None, 0, CPU, augmentation=Augmentation())
    for start, size in ((0, 8), (8, 8), (16, 4), (20, 4), (4, 4)):
        data.fetch(start, size, lambda at, size=size: order(5, COUNT, at, at + size))
        index = order(5, COUNT, start, start + size)
        expected = images[index, 0].float().div(127.5).sub(1).permute(0, 3, 1, 2)
        assert torch.equal(data.batch(index).image, expected)


def test_reading_leaves_the_default_generator_unchanged(tmp_path):
    data = StreamingDataset(
        write_images(tmp_path, PLAIN)[0], None, 0, CPU, augmentation=Augmentation()
    )
    before = torch.get_rng_state()
    data.fetch(0, 8, lambda at: order(0, COUNT, at, at + 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert data.waited > 0


def test_workers_receive_the_path_and_not_the_images(tmp_path):
    rows, images = write_images(tmp_path, PLAIN)
    assert len(pickle.dumps(_RowsDataset(rows))) < 1000 < images.numel()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_replaced_or_truncated_file_is_a_data_error(tmp_path, workers):
    rows, _ = write_images(tmp_path, PLAIN)
    replaced = replace(rows, stamp=(0, 0))
    missing = replace(rows, path=tmp_path / "missing")
    (tmp_path / "cut").write_bytes(rows.path.read_bytes()[:100])
    cut = replace(rows, path=tmp_path / "cut", stamp=stamp((tmp_path / "cut").stat()))
    for wrong in (replaced, missing, cut):
        data = StreamingDataset(wrong, None, 0, CPU, augmentation=Augmentation(), workers=workers)
        with pytest.raises(DataError, match=re.escape(str(wrong.path))):
            data.fetch(0, 8, lambda at: order(0, COUNT, at, at + 8))


def test_a_worker_outlives_sigterm_and_its_death_is_a_data_error_at_the_next_fetch(tmp_path):
    """SIGTERM reaches every process of a job, and the training process has yet to save."""
    data = StreamingDataset(
        write_images(tmp_path, PLAIN)[0], None, 0, CPU, augmentation=Augmentation(), workers=1
    )

    def fetch(starts):
        for start in starts:
            data.fetch(start, 8, lambda at: order(0, COUNT, at, at + 8))

    others = set(multiprocessing.active_children())  # of other tests
    fetch([0])
    (worker,) = set(multiprocessing.active_children()) - others
    os.kill(worker.pid, signal.SIGTERM)
    fetch(range(8, 80, 8))
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    time.sleep(0.1)  # no error is raised here
    with pytest.raises(DataError, match=re.escape(str(tmp_path))) as raised:
        fetch(range(80, 160, 8))
    assert raised.value.hint == "--workers 0"
    fetch([0])
    data.close()
    assert set(multiprocessing.active_children()) <= others


@pytest.mark.gpu
@pytest.mark.usefixtures("exact")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_training_on_a_gpu_equals_resident_training(tmp_path, capture, workers):
    device, states = torch.device("cuda"), []
    for data in both_datasets(tmp_path, LABELLED, device=device, workers=workers):
        data.augmentation = Augmentation()
        gan = small("acgan", LABELLED).to(device)
        trained = Trainer(gan, data, Training(batch_size=8, epochs=9), capture=capture)
        states.append(steps(trained, 20))
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-4, atol=1e-5, msg=key)
