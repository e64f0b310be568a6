"""Loading generators: weights in other dtypes, and files that do not fit their header."""

import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import small

from gancli import weights
from gancli.errors import FileError
from gancli.gan import Shape
from gancli.sampling import generator

HEADER = {
    "model": "dcgan",
    "settings": {"width": 8, "z_dim": 6},
    "shape": {"channels": 1, "size": 16},
    "dataset": {"name": "drawn"},
    "classes": [],
    "images_seen": 0,
}


def saved(path: Path, dtype: torch.dtype = torch.float32, **changes: object) -> Path:
    """Write a dcgan with its weights in `dtype`; `changes` replace some values of its header."""
    state = small("dcgan", Shape(channels=1, size=16)).generator.state_dict()
    tensors = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    weights.save(path, tensors, {**HEADER, **changes})
    return path


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_converted(tmp_path: Path, dtype: torch.dtype) -> None:
    full = generator.load(saved(tmp_path / "full.safetensors"), "cpu")
    half = generator.load(saved(tmp_path / "half.safetensors", dtype), "cpu")
    z = full.noise([0, 1])
    assert torch.allclose(half(z), full(z), atol=0.1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64, torch.bool])
def test_other_dtypes_are_refused(tmp_path: Path, dtype: torch.dtype) -> None:
    path = saved(tmp_path / "g.safetensors", dtype)
    with pytest.raises(FileError, match=str(dtype).removeprefix("torch.")):
        generator.load(path, "cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"width": 0, "z_dim": 6}},
        {"settings": {"width": 8, "z_dim": "6"}},
        {"settings": {"width": 8, "z_dim": 6, "noise": "pink"}},
        {"settings": {"width": 8}},
        {"settings": {"width": 4096, "z_dim": 6}},
        {"settings": {"width": 8, "z_dim": 6, "unknown": 1}},
        {"shape": {"channels": 3, "size": 16}},
        {"shape": {"channels": 1, "size": 256}},
        {"shape": {"channels": 1, "size": 16, "classes": 1}, "labelled": True, "classes": ["a"]},
        {"model": "acgan"},
        {"model": "cgan", "shape": {"channels": 1, "size": 16, "classes": 2}},
        {"model": "pix2pix"},
    ],
)
def test_a_header_that_does_not_fit_the_weights_is_refused(tmp_path: Path, changes: Any) -> None:
    path = saved(tmp_path / "g.safetensors", **changes)
    with pytest.raises(FileError, match=r"g\.safetensors"):
        generator.load(path, "cpu")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "g.safetensors")
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<f", float("nan"))
    path.write_bytes(data)
    with pytest.raises(FileError, match="not a number"):
        generator.load(path, "cpu")
