"""Which device to compute on, and in which number format, decided by looking and measuring.

On some CPUs that have the instructions a step in bfloat16 is 1.5 to 3 times as fast as in float32,
on others slower, and on some that lack them several times slower, or wrong (pytorch #183815,
#169688). So `auto` tries both for a moment on the machine at hand.
"""

import importlib.util
import os
import shutil
import statistics
import time
from functools import partial

import torch
from torch import Tensor

from gancli import memory
from gancli.errors import UsageError
from gancli.nn import strided

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
TRIES = 12  # of each format
WRONG = 0.05  # relative error past which bfloat16 cannot be right: its rounding is 0.004


def device(asked: str = "auto") -> torch.device:
    """The device for `asked`: `auto` (the best there is), `cuda`, `mps` or `cpu`.

    Raises UsageError for one that this machine, or this build of torch, has not.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return torch.device(next((name for name, found in there.items() if found), "cpu"))
    if not there.get(asked, True):
        raise UsageError(f"--device {asked}: torch sees no such device here.", hint="--device auto")
    return torch.device(asked)


def precision(asked: str, device: torch.device) -> tuple[str, str]:
    """`fp32` or `bf16` for `asked` (`auto`, `fp32`, `bf16`), and why, in a few words."""
    if asked != "auto":
        return asked, "as asked"
    if device.type == "cuda":
        good = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "native on this GPU") if good else ("fp32", "this GPU has no bfloat16")
    if device.type != "cpu":
        return "fp32", f"the safe choice on {device.type}"
    return _try_both(device)


def check_compiler(device: torch.device) -> None:
    """Raise UsageError where torch.compile has nothing here to compile with for `device`."""
    if device.type == "cuda":
        found, wanted = importlib.util.find_spec("triton") is not None, "the package triton"
    else:
        named = os.environ.get("CXX")
        compilers = [named] if named else ["g++", "clang++", "c++", "cl"]
        found, wanted = any(map(shutil.which, compilers)), "a C++ compiler"
    if not found:
        raise UsageError(f"--compile needs {wanted}, and there is none here.", hint="--no-compile")


def room(device: torch.device) -> int:
    """Free bytes where data for `device` would lie."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return memory.available()


def prepare(sizes_repeat: bool = False) -> None:
    """Settings of the process that speed depends on: denormal numbers slow a CPU 5 to 40 times.

    Where the same sizes come again and again, cuDNN may try its algorithms on the first of them,
    and memory is kept for the next.
    """
    torch.set_flush_denormal(True)
    if sizes_repeat:  # and so it stays, whoever draws a few samples meanwhile
        torch.backends.cudnn.benchmark = True
        memory.keep()


def _try_both(device: torch.device) -> tuple[str, str]:
    """Both formats in turns, and the median of their ratios: a busy machine must not decide."""
    sample = _sample(device)
    slow, fast = (partial(_try, FORMATS[name], *sample) for name in ("fp32", "bf16"))
    (exact, _), (rounded, _) = slow(), fast()  # not timed: the first of each takes longer
    gain = statistics.median(slow()[1] / fast()[1] for _ in range(TRIES))
    error = float((rounded - exact).norm() / exact.norm())
    if error > WRONG:
        return "fp32", f"bfloat16 is wrong on this CPU (error {error:.1%})"
    if gain <= 1:
        return "fp32", f"bfloat16 runs at {gain:.1f}x its speed on this CPU"
    return "bf16", f"a layer runs at {gain:.1f}x the speed of float32 on this CPU"


def _sample(device: torch.device) -> tuple[strided.Conv, Tensor]:
    """A layer of a small DCGAN and what it is given: pictures (64, 64, 14, 14)."""
    with torch.random.fork_rng(devices=[]):  # asking must not change what is trained
        torch.manual_seed(0)
        layer, x = strided.Conv(64, 128), torch.randn(64, 64, 14, 14)
    laid_out = torch.channels_last
    layer.to(device).to(memory_format=laid_out)
    return layer, x.to(device, memory_format=laid_out)


def _try(dtype: torch.dtype, layer: strided.Conv, x: Tensor) -> tuple[Tensor, float]:
    """The input gradient, shaped as x, and the seconds that the layer took, there and back."""
    x = x.to(dtype).requires_grad_()
    began = time.perf_counter()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        y = layer(x)
    gradient, _ = torch.autograd.grad(y, (x, layer.weight), y.detach())
    return gradient.float(), time.perf_counter() - began
