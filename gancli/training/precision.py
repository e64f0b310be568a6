"""Chooses the number format to train in, float32 or bfloat16, by measuring on a CPU.

On some CPUs with bfloat16 instructions a step in bfloat16 is 1.5 to 3 times as fast as in float32,
on others it is slower. On some CPUs without them it is several times slower, or gives wrong results
(pytorch #183815, #169688). So `auto` briefly tries both formats, and keeps the result for this CPU
and version of torch.
"""

import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancli.errors import FileError
from gancli.files import write_file
from gancli.nn import strided
from gancli.reporting import Say
from gancli.training import distributed

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
KEPT = "precision.json"  # the file in the cache folder: machine -> [format, reason]
TRIES = 12  # of each format, at most
ENOUGH = 3  # tries of each format that decide if one format is CLEAR times as fast
CLEAR = 1.5
HOPELESS = 2.0  # times as slow: one call of each format decides
TOLERANCE = 0.05  # relative error: rounding to bfloat16 causes 0.004, so more than this is a bug


def of_run(
    requested: str,
    plan: dict[str, Any] | None,
    device: torch.device,
    cache: Path,
    say: Say,
    measure: bool,
    exact: bool = False,
) -> str:
    """The number format: that of the run to resume, so that resuming is exact, or a new choice.

    `plan` is that of the run to resume. With `exact`, the choice is float32: bfloat16 has only 8
    bits. Without `measure`, a format that would have to be measured is `auto`. Rank 0 chooses for
    all processes.
    """
    if requested == "auto" and plan and plan["device"] == device.type:
        return str(plan["precision"])
    if not distributed.is_rank_zero():
        return distributed.broadcast_bytes(b"").decode()
    if requested == "auto" and exact:
        chosen = "fp32"
    elif measure:
        chosen, why = choose(requested, device, cache, say)
        say(f"Training on {device.type} in {chosen} ({why}).")
    else:
        chosen, _ = without_measuring(requested, device, cache) or ("auto", "")
    distributed.broadcast_bytes(chosen.encode())
    return chosen


def choose(requested: str, device: torch.device, cache: Path, say: Say) -> tuple[str, str]:
    """Choose `fp32` or `bf16`; return the name and the reason, in a few words.

    `requested` is `auto`, `fp32` or `bf16`. What was measured on this machine before is read from
    the folder `cache`. If nothing was, `say` tells the user what takes a moment.
    """
    if known := without_measuring(requested, device, cache):
        return known
    say("Measuring whether bfloat16 is faster than float32 on this CPU (only the first time).")
    measured = _try_both(device)
    _keep(cache, measured)
    return measured


def without_measuring(requested: str, device: torch.device, cache: Path) -> tuple[str, str] | None:
    """Return what `choose` would, or None if it would have to measure."""
    if requested != "auto":
        return requested, "as requested"
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "native on this GPU") if native else ("fp32", "this GPU has no bfloat16")
    if device.type != "cpu":
        return "fp32", f"the safe choice on {device.type}"
    return _kept(cache).get(_machine())


def _machine() -> str:
    """What a measurement holds for: this machine, the instructions that may be used, and torch."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    cpu = f"{platform.node()} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}{limit}"
    return f"{cpu}, torch {torch.__version__}"


def _kept(cache: Path) -> dict[str, tuple[str, str]]:
    """The results kept in `cache`, by machine; a file that is missing or damaged holds none."""
    try:
        found = json.loads((cache / KEPT).read_text(encoding="utf-8"))
        return {str(k): (str(f), str(why)) for k, (f, why) in found.items() if f in FORMATS}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _keep(cache: Path, measured: tuple[str, str]) -> None:
    """Add a result to those kept in `cache`; without a writable cache it is measured each time."""
    results = _kept(cache) | {_machine(): measured}
    with contextlib.suppress(FileError):
        write_file(cache / KEPT, json.dumps(results, indent=2).encode())


def _try_both(device: torch.device) -> tuple[str, str]:
    """Time both formats and choose the faster one, unless bfloat16 gives wrong results.

    Beside other busy processes, threads wait for each other and the wall clock says nothing. So one
    thread computes, its CPU time counts, and the median ratio decides. A format that is clearly
    faster needs only a few turns.
    """
    with _one_thread():
        return _compare(*_sample(device))


def _compare(layer: strided.Conv, x: Tensor) -> tuple[str, str]:
    fp32, bf16 = (partial(_try, FORMATS[name], layer, x) for name in ("fp32", "bf16"))
    # The first call of each takes longer, so these two only show a hopeless difference.
    (exact, first), (rounded, second) = fp32(), bf16()
    if second > HOPELESS * first:
        return "fp32", f"bfloat16 is slower on this CPU: {first / second:.2g}x the speed of float32"
    error = float((rounded - exact).norm() / exact.norm())
    if error > TOLERANCE:
        return "fp32", f"bfloat16 gives wrong results on this CPU: error {error:.1%}"
    gains: list[float] = []
    while len(gains) < TRIES and not _is_clear(gains):
        gains.append(fp32()[1] / bf16()[1])
    gain = statistics.median(gains)
    if gain <= 1:
        return "fp32", f"bfloat16 is slower on this CPU: {gain:.2g}x the speed of float32"
    return "bf16", f"{gain:.1f}x the speed of float32 on this CPU, measured on one layer"


def _is_clear(gains: list[float]) -> bool:
    """Whether all of enough measured ratios are far on the same side of 1."""
    return len(gains) >= ENOUGH and (min(gains) > CLEAR or max(gains) < 1 / CLEAR)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _sample(device: torch.device) -> tuple[strided.Conv, Tensor]:
    """A layer of a small DCGAN and its input, (16, 64, 14, 14)."""
    with torch.random.fork_rng(devices=[]):  # measuring must not change what is trained
        torch.manual_seed(0)
        layer, x = strided.Conv(64, 128), torch.randn(16, 64, 14, 14)
    layer.to(device).to(memory_format=torch.channels_last)
    return layer, x.to(device, memory_format=torch.channels_last)


def _try(dtype: torch.dtype, layer: strided.Conv, x: Tensor) -> tuple[Tensor, float]:
    """The gradient of x, in its shape, and the CPU seconds of forward and backward."""
    x = x.to(dtype).requires_grad_()
    began = time.process_time()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        y = layer(x)
    gradient, _ = torch.autograd.grad(y, (x, layer.weight), y.detach())
    return gradient.float(), time.process_time() - began
