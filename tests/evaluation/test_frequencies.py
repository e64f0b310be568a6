"""Classes requested as often as they occur: the measure itself stays measured."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import small_generator
from evaluation.bars import CLASSES, SIZE, Bars, bars
from torch import Tensor

from gancli.data.pictures import Pictures
from gancli.evaluation import evaluate
from gancli.evaluation.classifier import images_of, labels_of
from gancli.evaluation.frequencies import natural_labels
from gancli.evaluation.metrics import frechet
from gancli.gan import Shape
from gancli.reporting import silent


@pytest.mark.parametrize("counts", [(1,), (3, 1), (1000, 1000), (90, 10), (981, 1135, 5, 892)])
@pytest.mark.parametrize("start", [0, 12_345, 2**31])
def test_as_many_seeds_as_labels_have_exactly_their_classes(
    counts: tuple[int, ...], start: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(0).shuffle(labels)
    found = natural_labels(labels, range(start, start + len(labels)))
    assert Counter(found) == Counter(labels.tolist())
    assert found[-1:] == natural_labels(labels, [start + len(labels) - 1])


def test_fewer_seeds_have_nearly_the_frequencies() -> None:
    labels = np.repeat(np.arange(2), (900, 100))
    for count in (50, 100, 317):
        assert abs(np.mean(natural_labels(labels, range(count))) - 0.1) < 0.04


def unbalanced(pictures: Pictures, shares: Sequence[float]) -> Pictures:
    """Keep so many of the pictures of each class that they have these shares."""
    labels, rng = np.asarray(pictures.labels), np.random.default_rng(0)
    total = len(labels) // len(CLASSES) / max(shares)
    kept = [
        rng.permutation(np.flatnonzero(labels == k))[: round(total * share)]
        for k, share in enumerate(shares)
    ]
    chosen = np.sort(np.concatenate(kept))
    return replace(pictures, images=pictures.images[chosen], labels=labels[chosen])


@pytest.mark.parametrize("shares", [(0.5, 0.2, 0.2, 0.1), (0.9, 0.1, 0.0, 0.0)])
def test_real_pictures_as_samples_are_near_the_floor_of_an_unbalanced_dataset(
    real_bars: Bars, shares: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every class equally often, they would be far from it: this is what went wrong once."""
    source = bars("train", 4000, seed=3)  # the pictures of a perfect generator
    train, test = (unbalanced(bars(s, 2000, seed=k), shares) for k, s in enumerate(("a", "b"), 4))
    generator = small_generator("cgan", Shape(channels=1, size=SIZE, classes=len(CLASSES)))
    generator = replace(generator, header=replace(generator.header, classes=CLASSES))

    def batches(_: Any, seeds: Sequence[int], labels: Sequence[int]) -> Iterator[Tensor]:
        wanted, real = torch.tensor(labels), labels_of(source)
        order = torch.empty(len(seeds), dtype=torch.long)
        for k in range(len(CLASSES)):
            place = (wanted == k).nonzero()[:, 0]
            order[place] = (real == k).nonzero()[:, 0][: len(place)]
        yield images_of(source)[order]

    monkeypatch.setattr(evaluate.sampling, "batches", batches)
    known = real_bars.extractor
    found = evaluate._samples(generator, train, test, known, 600, 0, 0, silent, silent)
    assert found.by_class is not None
    distance, floor = frechet._distance(found), frechet._floor(found)
    uniform = frechet._distance(replace(found, draw=found.by_class.draw))
    assert distance < 2 * floor + 1
    assert uniform > 10 * distance
