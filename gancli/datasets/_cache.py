"""Pictures kept on disk so that a second start is instant: one safetensors file, checked when read.

The file names what it was made from (`key`) and the digest of what it holds; one that is damaged,
or made from something else, counts as absent.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gancli.datasets import Pictures, digest
from gancli.errors import FileError
from gancli.files import replacing


def recall(path: Path, key: str) -> Pictures | None:
    """What was remembered at `path` under `key`, or None."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("key") != key:
                return None
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
        pictures = _pictures(arrays, json.loads(header["pictures"]))
    except (OSError, SafetensorError, ValueError, TypeError, KeyError):
        return None
    found = digest(pictures.images, pictures.labels, pictures.partners)
    return pictures if pictures.digest == found else None


def remember(path: Path, key: str, pictures: Pictures) -> bool:
    """Write `path`, whole. False where that fails: nothing depends on it."""
    arrays = {name: getattr(pictures, name) for name in ("images", "labels", "partners")}
    plain = ("name", "split", "classes", "palette", "digest", "notes")
    about = {name: getattr(pictures, name) for name in plain}
    header = {"key": key, "pictures": json.dumps(about)}
    try:
        with replacing(path) as beside:
            save_file({k: v for k, v in arrays.items() if v is not None}, beside, metadata=header)
            beside.chmod(path.parent.stat().st_mode & 0o666)  # safetensors lets only its owner read
    except (FileError, OSError, SafetensorError):
        return False
    return True


def _pictures(arrays: dict[str, Any], about: dict[str, Any]) -> Pictures:
    return Pictures(
        name=about["name"],
        split=about["split"],
        images=arrays["images"],
        labels=arrays.get("labels"),
        partners=arrays.get("partners"),
        classes=tuple(about["classes"]),
        palette=tuple((name, tuple(colour)) for name, colour in about.get("palette", ())),
        digest=about["digest"],
        notes=tuple(about["notes"]),
    )
