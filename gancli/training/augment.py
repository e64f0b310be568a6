"""Pictures varied as they are drawn, on their device: nothing is decoded or resized twice."""

import torch
import torch.nn.functional as F
from torch import Tensor


def window(
    count: int,
    jitter: float,
    mirror: bool,
    device: torch.device,
    dice: torch.Generator | None = None,
) -> Tensor:
    """A random look at each of `count` pictures, as affine maps (count, 2, 3) for `look`.

    It shows a square of 1 / (1 + jitter) of the side, anywhere inside, which amounts to enlarging
    a picture by `jitter` and cropping it at random; where `mirror` is True, a coin decides for each
    whether it is mirrored. (Isola et al. 2016, arXiv:1611.07004, section 6.2: from 256 to 286 and
    back.)
    """
    scale = 1 / (1 + jitter)
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    shift = torch.empty(count, 2, device=device)
    theta[:, :, 2] = shift.uniform_(scale - 1, 1 - scale, generator=dice)
    if mirror:
        side = torch.randint(0, 2, (count,), device=device, generator=dice)
        theta[:, 0, 0] *= 1 - 2 * side
    return theta


def look(pictures: Tensor, window: Tensor, crisp: bool = False) -> Tensor:
    """(B, C, H, W) through `window`, in the same size; `crisp` keeps the colours of label maps."""
    grid = F.affine_grid(window, list(pictures.shape), align_corners=False)
    mode = "nearest" if crisp else "bilinear"
    return F.grid_sample(pictures, grid, mode, padding_mode="reflection", align_corners=False)
