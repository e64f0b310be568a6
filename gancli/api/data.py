"""`gancli.open_pictures`: the pictures of a dataset as arrays."""

from pathlib import Path
from typing import Literal

from gancli import datasets
from gancli.config import Broken, check_choice
from gancli.data.pictures import Pictures, places
from gancli.reporting import Progress, Say, silent
from gancli.shape import check_size


def open_pictures(
    dataset: str | Path,
    split: Literal["train", "test"] = "train",
    *,
    image_size: int | None = None,
    channels: Literal[1, 3] | None = None,
    pairs: bool = False,
    broken: Broken = "skip",
    data_dir: str | Path | None = None,
    say: Say = print,
    progress: Progress = silent,
) -> Pictures:
    """Load one split of a dataset by name, or of a folder of pictures by path.

    `image_size` (pixels) and `channels` (1 or 3) convert the pictures; None keeps what the dataset
    has. `pairs` requires pairs. `broken` says what to do with unreadable files in a folder.

    Raises UsageError if the dataset or folder does not exist, DataError or FileError if it cannot
    be loaded.
    """
    if image_size is not None:
        check_size(image_size)
    check_choice("channels", channels)
    check_choice("split", split)
    check_choice("broken", broken)
    where = places(Path(data_dir).expanduser() if data_dir else None, say)
    return datasets.open_pictures(
        str(dataset),
        where,
        split,
        size=image_size,
        channels=channels,
        pairs=pairs,
        broken=broken,
        say=say,
        progress=progress,
    )
