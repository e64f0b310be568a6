"""Chooses where the training data lives: in device memory, or on disk, streamed to the device."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch

from gancli import hardware
from gancli.data.rows import Rows
from gancli.errors import UsageError
from gancli.images import Array
from gancli.reporting import Say
from gancli.training.prepare import Prepared
from gancli.training.resident import Augmentation, ResidentDataset
from gancli.training.streaming import StreamingDataset
from gancli.training.validation import Indices

MAX_SHARE = 0.5  # data that takes more of the memory left by the training is streamed


def training_dataset(prepared: Prepared, say: Say) -> ResidentDataset | StreamingDataset:
    """The training pictures with their labels or sources, resident or streamed.

    Raises UsageError for `--stream` if the pictures are not in a file.
    """
    pictures, direction, device = prepared.pictures, prepared.job.direction, prepared.device
    chosen = prepared.validation.trained
    labels = None if pictures.labels is None else torch.from_numpy(_only(chosen, pictures.labels))
    classes, augmentation = prepared.shape.classes, _augmentation(prepared)
    if rows := _rows_to_stream(prepared, say):
        target = direction.generated if direction else 0
        workers = prepared.job.workers
        return StreamingDataset(
            rows,
            labels,
            classes,
            device,
            augmentation=augmentation,
            target=target,
            workers=workers,
        )
    # Pictures in the cache are memory-mapped. A CPU needs a copy in memory of its own; a GPU is
    # sent one anyway.
    copied = pictures.stored and device.type == "cpu"
    hold = np.array if copied and chosen is None else partial(_only, chosen)
    source, image = None, pictures.images
    if direction:
        source, image = direction.of((pictures.images, pictures.partners))
    sources = None if source is None else torch.from_numpy(hold(source))
    images = torch.from_numpy(hold(image))
    return ResidentDataset(
        images, labels, classes, device, sources=sources, augmentation=augmentation
    )


def _only(chosen: Indices | None, rows: Array) -> Array:
    """Return a copy of the `chosen` rows; if that is None, all rows as they are."""
    return np.asarray(rows) if chosen is None else rows[chosen]


def _augmentation(prepared: Prepared) -> Augmentation:
    """The augmentation of this run. In data with a palette, B is a label map."""
    b_is_label_map, direction = bool(prepared.pictures.palette), prepared.job.direction
    generates_b = direction is not None and direction.generates_b
    return Augmentation(
        jitter=prepared.training.jitter,
        mirror=prepared.training.mirror,
        image_is_label_map=b_is_label_map and generates_b,
        source_is_label_map=b_is_label_map and not generates_b,
    )


def _rows_to_stream(prepared: Prepared, say: Say) -> Rows | None:
    """The rows to stream from, or None to hold the pictures in memory.

    `--stream` and `--no-stream` decide; without them MAX_SHARE does, of the memory that is free
    beside the training.
    """
    requested, rows = prepared.job.stream, prepared.pictures.stored
    if requested and rows is None:
        raise UsageError(
            f"--stream needs the pictures of {prepared.pictures.name} in a cache file, "
            "but they are only in memory.",
            hint="--no-stream",
        )
    if rows is None or requested is False:
        return None
    rows = replace(rows, chosen=prepared.validation.trained)
    size = len(rows) * rows.row_bytes
    free = max(0, hardware.memory(prepared.device).free - prepared.memory_needed)
    if not requested and size <= MAX_SHARE * free:
        return None
    say(
        f"Streaming {size / 1e9:.1f} GB of pictures from disk "
        f"({free / 1e9:.1f} GB of memory are free beside the training)."
    )
    return rows
