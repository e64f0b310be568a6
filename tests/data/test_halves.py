"""Pairs side by side are told from single pictures, photos as well as drawings."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gancli.data.halves import is_pair
from gancli.datasets import glyphs, toy_facades


def share(pictures: list[Any]) -> float:
    """The share of pictures, uint8 (H, W, 3), that are taken for pairs."""
    return float(np.mean([is_pair(Image.fromarray(p)) for p in pictures]))


@pytest.fixture(scope="module")
def facades() -> tuple[list[Any], list[Any]]:
    photos, maps = zip(*map(toy_facades.draw, range(40)), strict=True)
    return list(photos), list(maps)


def enlarged_glyphs() -> list[Any]:
    drawn = [Image.fromarray(glyph[..., 0]).convert("RGB") for glyph in glyphs.draw(0, 40)]
    return [np.asarray(glyph.resize((128, 128))) for glyph in drawn]


def test_photos_beside_label_maps_are_pairs_at_any_size(
    facades: tuple[list[Any], list[Any]],
) -> None:
    pairs = [np.concatenate(pair, 1) for pair in zip(*facades, strict=True)]
    assert share(pairs) > 0.8
    for size in ((128, 64), (820, 410)):
        assert share([np.asarray(Image.fromarray(p).resize(size)) for p in pairs]) > 0.8


def test_single_photos_label_maps_and_glyphs_are_not_pairs(
    facades: tuple[list[Any], list[Any]],
) -> None:
    for pictures in (*facades, enlarged_glyphs()):
        assert share(pictures) < 0.4
        assert share([p[:, :-1] for p in pictures]) == 0, "an odd width cannot be two equal halves"


def test_outlines_beside_drawings_on_the_same_paper_are_pairs() -> None:
    drawings = enlarged_glyphs()
    outlines = [np.asarray(Image.fromarray(d).filter(ImageFilter.FIND_EDGES)) for d in drawings]
    pairs = [np.concatenate(pair, 1) for pair in zip(outlines, drawings, strict=True)]
    assert share(pairs) > 0.8
