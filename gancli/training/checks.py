"""What is checked about a run before it starts, beyond the values of its options."""

from gancli.config import Job, Training
from gancli.datasets import find_folder
from gancli.errors import UsageError
from gancli.metric import Metric
from gancli.points import has_points
from gancli.registry import declared
from gancli.shape import Shape
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


def no_pictures_needed(training: Training, shape: Shape) -> None:
    """Raise UsageError for options of training that change pictures, if `shape` has points."""
    for name in ("jitter", "mirror"):
        if shape.points and getattr(training, name):
            raise UsageError(
                f"--set {name} changes pictures, and the samples here are points in the plane.",
                hint=f"leave out --set {name}",
            )


def start(shape: Shape, dataset: str, name: str) -> None:
    """Raise UsageError if a run on `dataset` starts from the generator `name` of another kind."""
    if shape.points != has_points(dataset):
        made = "points in the plane" if shape.points else "pictures"
        raise UsageError(f"{name} makes {made}, and {dataset} has none.", hint="leave out --from")


def points(model: str, name: str) -> None:
    """Raise UsageError unless `model` learns points in the plane, of which the data `name` is."""
    if not declared("models", model, "POINTS"):
        raise UsageError(
            f"{model} learns from pictures, and {name} has points in the plane.",
            hint="gan train vanilla --dataset ring",
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
