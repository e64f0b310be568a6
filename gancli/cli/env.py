"""`gan env`: what this machine has, and what gan found on it; for bug reports."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gancli
from gancli.cli import console
from gancli.cli.options import JsonOpt

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "imageio", "safetensors", "typer", "rich")
EXTRAS = ("imageio-ffmpeg", "flip-evaluator", "lpips")


def env(json_: JsonOpt = False) -> None:
    """Show versions, devices, number formats, installed extras and the cache, for bug reports."""
    found = {
        "gan": gancli.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        **_hardware(),
        **{name: _version(name) or "not installed" for name in (*PACKAGES, *EXTRAS)},
        **_cache(),
    }
    if json_:
        console.result(json.dumps(found, indent=2))
    else:
        console.table(("", ""), [(key, str(value)) for key, value in found.items()])


def _hardware() -> dict[str, Any]:
    import torch

    from gancli import hardware
    from gancli.data.pictures import places
    from gancli.training import precision

    device = hardware.device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    chosen, why = precision.choose("auto", device, places().cache, console.say)
    return {
        "device": f"{device.type} ({name})",
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "free memory": f"{hardware.memory(device)[0] / 1e9:.1f} GB",
        "number format": f"{chosen} ({why})",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cache() -> dict[str, str]:
    from gancli.data.pictures import places

    where = places()
    size = sum(f.lstat().st_size for f in where.cache.rglob("*") if f.is_file())
    found = {"cache": f"{where.cache} ({size / 1e6:,.0f} MB)"}
    return found if where.data == where.cache else found | {"data folder": str(where.data)}
