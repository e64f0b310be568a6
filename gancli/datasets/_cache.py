"""Arrays kept on disk so that a second start is instant: one safetensors file, checked when read.

The file names what it was made from (`key`) and the digest of what it holds; one that is damaged,
or made from something else, counts as absent.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gancli.datasets import digest


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Images uint8 (N, H, W, C), their labels or None, strings that belong to them, the digest."""

    images: Any
    labels: Any
    header: Mapping[str, str]
    digest: str


def recall(path: Path, key: str) -> Kept | None:
    """What was remembered at `path` under `key`, or None."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = dict(file.metadata() or {})
            if header.get("key") != key:
                return None
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError):
        return None
    images, labels = arrays.get("images"), arrays.get("labels")
    if images is None or header.get("digest") != digest(images, labels):
        return None
    return Kept(images=images, labels=labels, header=header, digest=header["digest"])


def remember(
    path: Path, key: str, images: Any, labels: Any = None, header: Mapping[str, str] | None = None
) -> bool:
    """Write beside `path`, then rename. False where that fails: nothing depends on it."""
    arrays = {"images": images} | ({} if labels is None else {"labels": labels})
    about = {**(header or {}), "key": key, "digest": digest(images, labels)}
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(arrays, beside, metadata=about)
        beside.chmod(path.parent.stat().st_mode & 0o666)  # safetensors lets only the owner read
        beside.replace(path)
    except (OSError, SafetensorError):
        beside.unlink(missing_ok=True)
        return False
    return True
