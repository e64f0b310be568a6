"""What a user reads when memory runs out during training."""

from collections.abc import Iterator
from contextlib import contextmanager

from gancli import weights
from gancli.errors import GanError, out_of_memory
from gancli.training import memory
from gancli.training.folder import RunFolder
from gancli.training.prepare import Prepared
from gancli.training.trainer import Trainer


@contextmanager
def memory_errors(trainer: Trainer, prepared: Prepared, folder: RunFolder) -> Iterator[None]:
    """Turn an error of the block into a GanError if it means that memory ran out."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise _explained(trainer, prepared, folder) from error


def _explained(trainer: Trainer, prepared: Prepared, folder: RunFolder) -> GanError:
    """Say what happened, what is saved, and what to type next."""
    images, batch = len(trainer.data), prepared.training.batch_size
    number = trainer.images_seen // images + 1
    message = f"Memory ran out in epoch {number}, with a batch of {batch}."
    saved = folder.training.exists()
    if saved:
        done = weights.read_header(folder.training)["images_seen"] / images
        message += f" The checkpoint after {done:.1f} epochs is in {folder}."
    fits = min(batch // 2, prepared.largest_batch)
    return GanError(message, hint=memory.smaller(fits, resuming=saved))
