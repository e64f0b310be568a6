"""Which device to compute on, and in which number format, decided by looking and measuring.

bfloat16 convolutions are 2 to 3 times faster than float32 on CPUs that have the instructions, yet
several times slower, or wrong, on some that lack them (pytorch #183815, #169688). So `auto` tries
both for a moment on the machine at hand.
"""

import importlib.util
import os
import shutil
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from gancli import memory
from gancli.errors import UsageError

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
GAIN = 1.1  # bfloat16 must be this much faster to be worth its rounding
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
    torch.backends.cudnn.benchmark = sizes_repeat
    if sizes_repeat:
        memory.keep()


def _try_both(device: torch.device) -> tuple[str, str]:
    """Both formats in turns, the best of each: a busy machine must not decide."""
    sample = _sample(device)
    tries = [(_try(torch.float32, *sample), _try(torch.bfloat16, *sample)) for _ in range(TRIES)]
    slow, fast = (min(seconds for _, seconds in of_one) for of_one in zip(*tries, strict=True))
    (exact, _), (rounded, _) = tries[0]
    error = float((rounded - exact).norm() / exact.norm())
    if error > WRONG:
        return "fp32", f"bfloat16 is wrong on this CPU (error {error:.1%})"
    if slow < GAIN * fast:
        return "fp32", f"bfloat16 runs at {slow / fast:.1f}x its speed on this CPU"
    return "bf16", f"{slow / fast:.1f}x the speed of float32 on this CPU"


def _sample(device: torch.device) -> tuple[Tensor, Tensor]:
    """What a layer of a small DCGAN is given: pictures (32, 64, 14, 14) and weights."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 64, 14, 14, generator=generator)
    weight = torch.randn(128, 64, 4, 4, generator=generator).div(32)
    return x.to(device), weight.to(device)


def _try(dtype: torch.dtype, x: Tensor, weight: Tensor) -> tuple[Tensor, float]:
    """A convolution's input gradient, (32, 64, 14, 14), and the seconds it took, there and back."""
    x = x.to(dtype, memory_format=torch.channels_last).requires_grad_()
    weight = weight.to(dtype, memory_format=torch.channels_last).requires_grad_()
    began = time.perf_counter()
    y = F.conv2d(x, weight, stride=2, padding=1)
    gradient, _ = torch.autograd.grad(y, (x, weight), y.detach())
    return gradient.float(), time.perf_counter() - began
