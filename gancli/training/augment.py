"""Random crops and mirrors, made on the device as pictures are drawn: one pass of resampling."""

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crops(
    count: int,
    jitter: float,
    mirror: bool,
    device: torch.device,
    rng: torch.Generator | None = None,
) -> Tensor:
    """A random crop for each of `count` pictures, as affine maps (count, 2, 3) for `crop`.

    It is a square of 1 / (1 + jitter) of the side, anywhere in the picture: the same as enlarging
    the picture by `jitter` and cropping it at random. With `mirror`, half of them are mirrored.
    (Isola et al. 2016, arXiv:1611.07004, section 6.2: from 256 to 286 pixels and back.)
    """
    scale = 1 / (1 + jitter)
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    shift = torch.empty(count, 2, device=device)  # coordinates run from -1 to 1 over a picture
    theta[:, :, 2] = shift.uniform_(scale - 1, 1 - scale, generator=rng)
    if mirror:
        heads = torch.randint(0, 2, (count,), device=device, generator=rng)
        theta[:, 0, 0] *= 1 - 2 * heads
    return theta


def crop(pictures: Tensor, crops: Tensor, crisp: bool = False) -> Tensor:
    """The `crops` of (B, C, H, W), in the same size; `crisp` adds no colours to a label map."""
    grid = F.affine_grid(crops, list(pictures.shape), align_corners=False)
    mode = "nearest" if crisp else "bilinear"
    return F.grid_sample(pictures, grid, mode, padding_mode="reflection", align_corners=False)
