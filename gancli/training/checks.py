"""What is checked about a run before it starts, beyond the values of its options."""

from gancli.config import Job
from gancli.datasets import find_folder
from gancli.errors import UsageError
from gancli.metric import Metric
from gancli.training import distributed


def run_folder(job: Job) -> None:
    """Raise UsageError if the run's samples would become training pictures of a later run."""
    dataset = find_folder(job.dataset, job.pairs)
    if dataset is not None and job.folder.resolve().is_relative_to(dataset.resolve()):
        raise UsageError(
            f"The run folder {job.folder} is inside the dataset's folder {dataset}, so its samples "
            "would become training pictures.",
            hint="--out with a folder outside of the dataset",
        )


def batch(size: int, name: str, count: int, minimum: int) -> None:
    """Raise UsageError if a batch has fewer than `minimum` or more than all `count` pictures."""
    processes = distributed.world_size()
    if size < minimum:
        raise UsageError(
            "--batch-size 1 is too small: batch normalisation needs at least 2 pictures.",
            hint="--batch-size 2",
        )
    if size > count:
        fits = max(minimum, count // 2 // processes) * processes
        raise UsageError(
            f"A batch of {size} is larger than {name}, which has {count} pictures to train on.",
            hint=f"--batch-size {fits}" if fits <= count else None,
        )


def patience(epochs: int, measure: Metric | None, model: str) -> None:
    """Raise UsageError for --set patience with a model that has no measure of progress."""
    if epochs and measure is None:
        raise UsageError(
            f"--set patience={epochs} needs a metric that shows when training stalls, "
            f"and {model} has none.",
            hint="--set lr_decay=0.5 to lower the learning rate in the second half of the run",
        )
