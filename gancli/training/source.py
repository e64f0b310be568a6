"""Where a step finds its pictures: in the memory of the device, or on disk, read ahead."""

import numpy as np
import torch

from gancli import hardware
from gancli.data.rows import Rows
from gancli.errors import UsageError
from gancli.gan import Direction
from gancli.reporting import Say
from gancli.training.prepare import Prepared
from gancli.training.resident import Resident, Vary
from gancli.training.streaming import Streaming

SHARE = 0.5  # pictures are held where they take up to this share of the memory that is free


def source(prepared: Prepared, say: Say) -> Resident | Streaming:
    """The training pictures, each with what it is to be made from or asked by.

    Raises UsageError where `--stream` is asked for and there is no file to stream from.
    """
    pictures, direction, device = prepared.pictures, prepared.job.direction, prepared.device
    labels = None if pictures.labels is None else torch.from_numpy(pictures.labels)
    classes, vary = prepared.shape.classes, _vary(prepared)
    if rows := _streamed(prepared, say):
        made = direction.generated if direction else 0
        workers = prepared.job.workers
        return Streaming(rows, labels, classes, device, vary=vary, made=made, workers=workers)
    copied = pictures.stored and device.type == "cpu"  # a GPU is sent them as they are mapped
    held = np.array if copied else np.asarray
    given, image = None, pictures.images
    if direction:
        given, image = direction.of((pictures.images, pictures.partners))
    sources = None if given is None else torch.from_numpy(held(given))
    image = torch.from_numpy(held(image))
    return Resident(image, labels, classes, device, sources=sources, vary=vary)


def _vary(prepared: Prepared) -> Vary:
    """How pictures are varied; a map of labels, which is B, keeps to its colours."""
    maps, direction = bool(prepared.pictures.palette), prepared.job.direction
    return Vary(
        jitter=prepared.training.jitter,
        mirror=prepared.training.mirror,
        crisp_image=maps and direction is Direction.A2B,
        crisp_source=maps and direction is Direction.B2A,
    )


def _streamed(prepared: Prepared, say: Say) -> Rows | None:
    """The rows to read from where pictures shall not lie on the device: `--stream`, or SHARE."""
    asked, rows = prepared.job.stream, prepared.pictures.stored
    if asked and rows is None:
        raise UsageError(
            f"The pictures of {prepared.pictures.name} lie in memory and in no file of the cache: "
            "there is nothing to stream from.",
            hint="--no-stream",
        )
    if rows is None or asked is False:
        return None
    size, room = len(rows) * rows.row_bytes, hardware.room(prepared.device)
    if not asked and size <= SHARE * room:
        return None
    say(f"Streaming {size / 1e9:.1f} GB of pictures from disk; {room / 1e9:.1f} GB free.")
    return rows
