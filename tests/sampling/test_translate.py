"""Translating pictures of any size with a U-Net."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import small, small_generator
from PIL import Image
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gancli.errors import UsageError
from gancli.gan import Shape
from gancli.images import Array
from gancli.sampling import translate
from gancli.sampling.generator import Generator

SHAPE = Shape(channels=3, size=32)


def noise(height: int, width: int) -> np.ndarray:
    """Return a random picture, uint8 (H, W, 3)."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def unet() -> Generator:
    return small_generator("pix2pix", SHAPE)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 32), (33, 57), (7, 90), (100, 64)])
def test_the_output_has_the_size_of_the_input(unet: Generator, height: int, width: int) -> None:
    output = translate.picture(unet, noise(height, width))
    assert output.shape == (height, width, 3)
    assert output.dtype == np.uint8


def test_the_seed_sets_the_dropout_and_the_global_rng_is_restored(unet: Generator) -> None:
    source = noise(40, 40)
    before = torch.get_rng_state()
    first, again, other = (translate.picture(unet, source, s) for s in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(m.training for m in unet.network.modules())
    translate.check_variations(unet, 2)


def test_without_dropout_the_seed_does_not_matter() -> None:
    unet = small_generator("pix2pix", SHAPE, dropout=0.0)
    translate.check_variations(unet, 1)
    with pytest.raises(UsageError, match="dropout") as raised:
        translate.check_variations(unet, 2)
    assert raised.value.hint == "--variations 1"
    a, b = (translate.picture(unet, noise(40, 40), seed) for seed in (1, 2))
    assert (a == b).all()


def test_a_batch_gives_the_same_as_single_calls() -> None:
    gan = small("pix2pix", SHAPE, dropout=0.0).eval()
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    together = gan.translate(gan.generator, images)
    alone = torch.cat([gan.translate(gan.generator, one) for one in images.split(1)])
    torch.testing.assert_close(together, alone)


class Blur(nn.Module):
    """A network that looks only 2 pixels far, so that tiles should give the same as no tiles."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 5, 1, 2, count_include_pad=False)


def test_tiles_have_no_visible_seams(unet: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet.model, "translate", lambda _, image: Blur()(image))
    source = noise(150, 90)
    untiled = translate.picture(unet, source)
    monkeypatch.setattr(translate, "TILE", 64)
    monkeypatch.setattr(translate, "OVERLAP", 24)
    tiled = translate.picture(unet, source).astype(int)
    # within two pixels of a tile's edge the results differ, but the weights are small there
    assert np.abs(tiled - untiled).max() <= 12
    assert np.abs(tiled - untiled).mean() < 0.5


class Largest(TorchDispatchMode):
    """Remember the number of elements of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.elements = max(self.elements, result.numel())
        return result


@pytest.mark.parametrize("exact", [False, True])
def test_a_tall_picture_needs_no_more_memory_than_one_row_of_tiles(
    unet: Generator, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    monkeypatch.setattr(unet.model, "translate", lambda _, image: image)
    monkeypatch.setattr(unet.model, "exact_palette", exact)
    monkeypatch.setattr(translate, "TILE", 64)
    monkeypatch.setattr(translate, "OVERLAP", 24)
    source = noise(1500, 90)
    seen: list[tuple[str, int, int | None]] = []
    with Largest() as largest:
        output = translate.picture(unet, source, progress=lambda *step: seen.append(step))
    assert np.abs(output.astype(int) - source).max() <= (0 if exact else 1)
    assert largest.elements <= 3 * 64 * 90
    assert [done for _, done, _ in seen] == list(range(1, 1 + len(seen)))
    assert seen[-1] == ("translating tiles", 2 * 37, 2 * 37)


def test_a_large_picture_is_not_held_twice_and_its_progress_is_shown(
    unet: Generator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[weakref.ref[Image.Image]] = []

    def once(generator: Generator, source: Array, *_: object) -> Array:
        assert opened[0]() is None  # Pillow takes 4 bytes a pixel, 324 MB for 9000x9000
        return source

    real = translate._opened
    monkeypatch.setattr(translate, "picture", once)
    monkeypatch.setattr(translate, "TILE", 64)
    monkeypatch.setattr(
        translate, "_opened", lambda source: (p := real(source), opened.append(weakref.ref(p)))[0]
    )
    source, seen = tmp_path / "in.png", list[str]()
    Image.fromarray(noise(90, 90)).save(source)
    outs = [tmp_path / "out.png"]
    translate.save_picture(
        unet, source, outs, 0, False, lambda _: {}, lambda what, *_: seen.append(what)
    )
    assert seen == ["writing"]
    assert np.array_equal(np.asarray(Image.open(outs[0])), noise(90, 90))


def test_tiles_of_label_maps_are_not_blended(monkeypatch: pytest.MonkeyPatch) -> None:
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    shape = Shape(channels=3, size=32, palette=colours)
    assert not small("pix2pix", shape, label_weight=0.0).exact_palette  # no label maps
    unet = small_generator("pix2pix", shape, label_weight=1.0)
    monkeypatch.setattr(translate, "TILE", 64)
    monkeypatch.setattr(translate, "OVERLAP", 24)
    output = translate.picture(unet, noise(90, 150))
    found = {tuple(colour) for colour in output.reshape(-1, 3).tolist()}
    assert len(found) > 1
    assert found <= set(colours)


@pytest.mark.parametrize("length", [1024, 1025, 1800, 20_000])
def test_tiles_cover_each_side_and_overlap(length: int) -> None:
    starts = translate._starts(length)
    assert starts[0] == 0
    assert starts[-1] + translate.TILE == max(length, translate.TILE)
    steps = np.diff(starts)
    assert (steps <= translate.TILE - translate.OVERLAP).all()
