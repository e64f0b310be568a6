"""Datasets from outside the package: a .py file of the user's, or a module of another package.

It defines `load(split)`, where `split` is "train" or "test", and returns one of:

- `images`: uint8 (N, H, W, C), where C is 1 (gray) or 3 (RGB);
- `images, labels`: the labels are integers (N,), from 0;
- `A, B`, if the file says `PAIRS = True`: the two halves of each pair, both (N, H, W, C).

`CLASSES = ("cat", "dog")` names the labels, in their order; without it they are called 0, 1, ... If
there are no test pictures, return the training pictures for both splits. All arrays may be of numpy
or torch. They stay in memory. The SHA-256 of their values identifies the data, so a run resumes
only with the same pictures.
"""

from types import ModuleType
from typing import Any

import numpy as np

from gancli.data.pictures import Pictures, digest
from gancli.errors import DataError
from gancli.shape import SIZES


def load(module: ModuleType, name: str, split: str, pairs: bool, resized: bool) -> Pictures:
    """Return what `load(split)` of `module` returns, checked.

    `name` is that of the dataset; `pairs` says whether it returns pairs. `resized` says that the
    caller resizes the pictures, so that they may have any size.

    Raises DataError if the function is missing or returns something else than the contract says.
    """
    function = getattr(module, "load", None)
    if not callable(function):
        raise DataError(
            f"{_file(module)} does not define load(split), which returns the pictures.",
            hint='def load(split): return images  # uint8 (N, H, W, C); split: "train" or "test"',
        )
    what = f"load({split!r}) in {_file(module)}"
    found = function(split)
    first, second = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    images = _images(first, what, resized)
    if not pairs:
        labels = None if second is None else _labels(second, len(images), what)
        classes = () if labels is None else _classes(module, labels)
        return Pictures(
            name=name,
            split=split,
            images=images,
            labels=labels,
            classes=classes,
            digest=digest(images, labels),
        )
    if second is None:
        raise DataError(f"{what} must return pairs: two arrays A, B.", hint="return a, b")
    partners = _images(second, what, resized)
    if partners.shape != images.shape:
        raise DataError(
            f"{what} returns pairs of different shapes: A is {images.shape}, B is "
            f"{partners.shape}.",
            hint="make both uint8 (N, H, W, C) of the same shape",
        )
    found = digest(images, None, partners)
    return Pictures(name=name, split=split, images=images, partners=partners, digest=found)


def _images(value: Any, what: str, resized: bool) -> Any:
    """Check pictures and return them as a writable array, uint8 (N, H, W, C)."""
    images = _array(value)
    if images is None or images.dtype != np.uint8:
        kind = type(value).__name__ if images is None else images.dtype
        raise DataError(
            f"{what} must return pictures as uint8, from 0 to 255, not {kind}.",
            hint="for values from 0 to 1: (images * 255).round().astype('uint8')",
        )
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise DataError(
            f"{what} must return pictures of shape (N, H, W, C), where C is 1 or 3, not "
            f"{images.shape}.",
            hint="images[..., None] adds C; images.transpose(0, 2, 3, 1) moves it to the end",
        )
    height, width = images.shape[1:3]
    if not resized and (height != width or height not in SIZES):
        raise DataError(
            f"{what} returns pictures of {width}x{height} pixels, but models need squares whose "
            f"side is a multiple of {SIZES.step} from {SIZES[0]} to {SIZES[-1]}; --image-size "
            "crops and resizes them.",
            hint="--image-size 64",
        )
    return np.require(images, requirements=["C", "W"])


def _labels(value: Any, count: int, what: str) -> Any:
    """Check labels and return them as int64 (N,)."""
    labels = _array(value)
    whole = labels is not None and labels.dtype.kind in "iu"
    if labels is None or not whole or labels.shape != (count,) or labels.min() < 0:
        found = type(value).__name__ if labels is None else f"{labels.dtype} {labels.shape}"
        raise DataError(
            f"{what} must return one label per picture, as whole numbers of shape ({count},) that "
            f"start from 0, not {found}.",
            hint="return images, labels; or PAIRS = True if it returns pairs",
        )
    return np.require(labels, np.int64, ["C", "W"])


def _classes(module: ModuleType, labels: Any) -> tuple[str, ...]:
    top = int(labels.max())
    names = tuple(map(str, getattr(module, "CLASSES", range(top + 1))))
    if top >= len(names):
        raise DataError(
            f"{_file(module)} names {len(names)} CLASSES, but there is a label {top}.",
            hint="name every class in CLASSES",
        )
    return names


def _array(value: Any) -> Any:
    """Return `value` as a numpy array; None if it is not an array of numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        return None
    return None if array.dtype == object else array


def _file(module: ModuleType) -> str:
    return str(module.__file__).rpartition("/")[2]
