"""Chooses the number format to train in, float32 or bfloat16, by measuring on a CPU.

On some CPUs with bfloat16 instructions a step in bfloat16 is 1.5 to 3 times as fast as in float32,
on others it is slower. On some CPUs without them it is several times slower, or gives wrong results
(pytorch #183815, #169688). So `auto` briefly tries both formats on this machine.
"""

import statistics
import time
from functools import partial

import torch
from torch import Tensor

from gancli.nn import strided

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
TRIES = 12  # of each format
TOLERANCE = 0.05  # relative error: rounding to bfloat16 causes 0.004, so more than this is a bug


def choose(requested: str, device: torch.device) -> tuple[str, str]:
    """Choose `fp32` or `bf16`; return the name and the reason, in a few words.

    `requested` is `auto`, `fp32` or `bf16`.
    """
    if requested != "auto":
        return requested, "as requested"
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "native on this GPU") if native else ("fp32", "this GPU has no bfloat16")
    if device.type != "cpu":
        return "fp32", f"the safe choice on {device.type}"
    return _try_both(device)


def _try_both(device: torch.device) -> tuple[str, str]:
    """Time both formats and choose the faster one, unless bfloat16 gives wrong results.

    The formats take turns and the median ratio decides, so other load on the machine hardly counts.
    """
    sample = _sample(device)
    fp32, bf16 = (partial(_try, FORMATS[name], *sample) for name in ("fp32", "bf16"))
    (exact, _), (rounded, _) = fp32(), bf16()  # not timed: the first call of each takes longer
    gain = statistics.median(fp32()[1] / bf16()[1] for _ in range(TRIES))
    error = float((rounded - exact).norm() / exact.norm())
    if error > TOLERANCE:
        return "fp32", f"bfloat16 gives wrong results on this CPU: error {error:.1%}"
    if gain <= 1:
        return "fp32", f"bfloat16 is slower on this CPU: {gain:.2g}x the speed of float32"
    return "bf16", f"{gain:.1f}x the speed of float32 on this CPU, measured on one layer"


def _sample(device: torch.device) -> tuple[strided.Conv, Tensor]:
    """A layer of a small DCGAN and its input, (64, 64, 14, 14)."""
    with torch.random.fork_rng(devices=[]):  # measuring must not change what is trained
        torch.manual_seed(0)
        layer, x = strided.Conv(64, 128), torch.randn(64, 64, 14, 14)
    layer.to(device).to(memory_format=torch.channels_last)
    return layer, x.to(device, memory_format=torch.channels_last)


def _try(dtype: torch.dtype, layer: strided.Conv, x: Tensor) -> tuple[Tensor, float]:
    """The gradient of x, in its shape, and the seconds that forward and backward took."""
    x = x.to(dtype).requires_grad_()
    began = time.perf_counter()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        y = layer(x)
    gradient, _ = torch.autograd.grad(y, (x, layer.weight), y.detach())
    return gradient.float(), time.perf_counter() - began
