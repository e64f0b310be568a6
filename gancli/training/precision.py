"""Which number format to train in: float32 or bfloat16, measured where it cannot be known.

On some CPUs with bfloat16 instructions a step in bfloat16 is 1.5 to 3 times as fast as in float32,
on others it is slower; on some without them it is several times slower, or wrong (pytorch #183815,
#169688). So `auto` briefly tries both on the machine at hand.
"""

import statistics
import time
from functools import partial

import torch
from torch import Tensor

from gancli.nn import strided

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
TRIES = 12  # of each format
TOLERANCE = 0.05  # relative error: rounding to bfloat16 makes 0.004, so more than this is a bug


def choose(asked: str, device: torch.device) -> tuple[str, str]:
    """`fp32` or `bf16` for `asked` (`auto`, `fp32`, `bf16`), and why, in a few words."""
    if asked != "auto":
        return asked, "as asked"
    if device.type == "cuda":
        good = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "native on this GPU") if good else ("fp32", "this GPU has no bfloat16")
    if device.type != "cpu":
        return "fp32", f"the safe choice on {device.type}"
    return _try_both(device)


def _try_both(device: torch.device) -> tuple[str, str]:
    """Time both formats in turns and compare by the median ratio: other load must not decide."""
    sample = _sample(device)
    slow, fast = (partial(_try, FORMATS[name], *sample) for name in ("fp32", "bf16"))
    (exact, _), (rounded, _) = slow(), fast()  # not timed: the first call of each takes longer
    gain = statistics.median(slow()[1] / fast()[1] for _ in range(TRIES))
    error = float((rounded - exact).norm() / exact.norm())
    if error > TOLERANCE:
        return "fp32", f"bfloat16 is wrong on this CPU (error {error:.1%})"
    if gain <= 1:
        return "fp32", f"bfloat16 runs at {gain:.1f}x its speed on this CPU"
    return "bf16", f"a layer runs at {gain:.1f}x the speed of float32 on this CPU"


def _sample(device: torch.device) -> tuple[strided.Conv, Tensor]:
    """A layer of a small DCGAN and its input, (64, 64, 14, 14)."""
    with torch.random.fork_rng(devices=[]):  # measuring must not change what is trained
        torch.manual_seed(0)
        layer, x = strided.Conv(64, 128), torch.randn(64, 64, 14, 14)
    layer.to(device).to(memory_format=torch.channels_last)
    return layer, x.to(device, memory_format=torch.channels_last)


def _try(dtype: torch.dtype, layer: strided.Conv, x: Tensor) -> tuple[Tensor, float]:
    """The gradient of x, shaped like x, and the seconds that forward and backward took."""
    x = x.to(dtype).requires_grad_()
    began = time.perf_counter()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        y = layer(x)
    gradient, _ = torch.autograd.grad(y, (x, layer.weight), y.detach())
    return gradient.float(), time.perf_counter() - began
