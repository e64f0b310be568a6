"""4x4 convolutions of stride 2 and padding 1, computed in the fastest way for the machine.

PyTorch is slow on a CPU for some shapes that are common in GANs. These have their own code here
(timings: bfloat16, two cores):

- Few channels in or out: space to depth moves 2x2 pixels into the channels. The convolution becomes
  a 2x2 convolution of stride 1 with the same result.
- Few pixels in the batch, as in the middle of a U-Net: nearly all the time goes into reading the
  weights, and a matrix product reads them only once. 1024 to 512 channels, 4x4 pixels to 2x2: 3.5
  ms forward and backward instead of 18 to 26.
- Small maps in large batches: the gradient of the weights is a convolution with batch and channel
  dimensions swapped. A training step of 128 images at 28x28 takes 6 to 10 % less time.

All other shapes, and everything on a GPU, use PyTorch's own convolutions.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW_CHANNELS = 3  # at most this many channels are "few": gray or colour images
FEW_PIXELS = 64  # at most this many pixels are "few": in the smaller maps, over the batch
SMALL_SIDE = 8  # maps at most this high, on the smaller side, are "small"
LARGE_BATCH = 32  # batches of at least this many images are "large"


class Conv(nn.Conv2d):
    """A convolution of (B, C, H, W) to (B, out, H // 2, W // 2)."""

    def __init__(self, channels: int, out: int, bias: bool = True) -> None:
        super().__init__(channels, out, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, out, H // 2, W // 2)."""
        return conv(x, self.weight, self.bias)


class ConvTranspose(nn.ConvTranspose2d):
    """A transposed convolution of (B, C, H, W) to (B, out, 2H, 2W)."""

    def __init__(self, channels: int, out: int, bias: bool = True) -> None:
        super().__init__(channels, out, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (B, C, H, W) to (B, out, 2H, 2W). `output_size` is ignored."""
        return conv_transpose(x, self.weight, self.bias)


def conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve x (B, C, H, W) with weights (out, C, 4, 4) and bias (out,), as `Conv` does.

    Space to depth is faster in the gradient of `x` only; the forward pass is slightly slower.
    """
    b, channels, height, width = x.shape
    if x.device.type == "cpu":
        if channels <= FEW_CHANNELS and x.requires_grad:
            padded = _SpaceToDepth.apply(F.pad(x, (1, 1, 1, 1)))
            return F.conv2d(padded, _SpaceToDepth.apply(weight), bias)
        if b * (height // 2) * (width // 2) <= FEW_PIXELS:
            maps = F.linear(_Im2Col.apply(x), _matrix(weight), bias)  # (B, h, w, out)
            return maps.permute(0, 3, 1, 2)
        if b >= LARGE_BATCH and height // 2 <= SMALL_SIDE and _in_bfloat16():
            return _with_bias(_BFloat16Conv.apply(x, weight, False), bias)
    return F.conv2d(x, weight, bias, stride=2, padding=1)


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Transposed convolution of x (B, C, H, W) with weights (C, out, 4, 4) and bias (out,)."""
    b, _, height, width = x.shape
    if x.device.type == "cpu":
        if weight.shape[1] <= FEW_CHANNELS:
            bias = None if bias is None else bias.repeat(4)  # once for each of the 2x2 pixels
            deep = F.conv_transpose2d(x, _SpaceToDepth.apply(weight), bias)
            pixels: Tensor = _DepthToSpace.apply(deep)
            return pixels[..., 1:-1, 1:-1]
        if b * height * width <= FEW_PIXELS:
            maps = _Col2Im.apply(x.permute(0, 2, 3, 1) @ _matrix(weight))
            return _with_bias(maps, bias)
        if b >= LARGE_BATCH and height <= SMALL_SIDE and _in_bfloat16():
            return _with_bias(_BFloat16Conv.apply(x, weight, True), bias)
    return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)


def _with_bias(maps: Tensor, bias: Tensor | None) -> Tensor:
    return maps if bias is None else maps + bias.to(maps.dtype).view(-1, 1, 1)


def _in_bfloat16() -> bool:
    enabled = torch.is_autocast_enabled("cpu")
    return enabled and torch.get_autocast_dtype("cpu") == torch.bfloat16


# -- few channels: a convolution of stride 1 ------------------------------------------------------


class _SpaceToDepth(torch.autograd.Function):
    """Space to depth, (B, C, H, W) to (B, 4C, H // 2, W // 2): 2x2 pixels become channels.

    The result is channels_last; F.pixel_unshuffle of one channel returns the default layout.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _space_to_depth(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _depth_to_space(gradient)


class _DepthToSpace(torch.autograd.Function):
    """Depth to space, the inverse: (B, 4C, H, W) to (B, C, 2H, 2W)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _depth_to_space(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _space_to_depth(gradient)


def _space_to_depth(x: Tensor) -> Tensor:
    rows = x.permute(0, 2, 3, 1)
    pixels = [rows[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return torch.cat(pixels, dim=-1).permute(0, 3, 1, 2)


def _depth_to_space(x: Tensor) -> Tensor:
    b, _, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(b, height, width, 2, 2, -1)
    rows = parts.transpose(2, 3).reshape(b, 2 * height, 2 * width, -1)
    return rows.permute(0, 3, 1, 2)


# -- few pixels: a matrix product -----------------------------------------------------------------


def _matrix(weight: Tensor) -> Tensor:
    """Reshape weights (A, C, 4, 4) to (A, 16C), channels last: no copy if that is their layout."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


class _Im2Col(torch.autograd.Function):
    """Extract the 4x4 patches that a convolution sees: (B, C, H, W) to (B, H // 2, W // 2, 16C)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[2:]
        return _im2col(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _col2im(gradient, *ctx.size)


class _Col2Im(torch.autograd.Function):
    """Sum overlapping patches (B, h, w, 16C) to maps (B, C, 2h, 2w): the transpose of im2col."""

    @staticmethod
    def forward(ctx: Any, patches: Tensor) -> Tensor:
        return _col2im(patches, 2 * patches.shape[1], 2 * patches.shape[2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _im2col(gradient)


def _im2col(x: Tensor) -> Tensor:
    b, c, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    image, row, column, _ = padded.stride()
    # A view of overlapping patches. The four pixels in each row of a patch are contiguous in
    # memory, so rows can be one dimension of 4C.
    shape = (b, height // 2, width // 2, 4, 4 * c)
    patches = padded.as_strided(shape, (image, 2 * row, 2 * column, row, 1))
    return patches.reshape(*shape[:3], 16 * c)


def _col2im(patches: Tensor, height: int, width: int) -> Tensor:
    """Sum patches (B, h, w, 16C) to maps (B, C, height, width).

    Patches are 4 pixels wide and 2 apart, so four of them cover each pixel: one with each quarter.
    """
    b, h, w, _ = patches.shape
    # Rows and columns of a patch are each split into (half, pixel): (B, h, w, 2, 2, 2, 2, C)
    part = patches.view(b, h, w, 2, 2, 2, 2, -1)
    blocks = patches.new_zeros(b, h + 1, w + 1, 2, 2, part.shape[-1])
    for y in (0, 1):
        for x in (0, 1):
            blocks[:, y : y + h, x : x + w] += part[:, :, :, y, :, x]
    pixels = blocks.permute(0, 1, 3, 2, 4, 5).reshape(b, 2 * h + 2, 2 * w + 2, -1)
    return pixels[:, 1 : 1 + height, 1 : 1 + width].permute(0, 3, 1, 2)


# -- small maps in large batches: a faster gradient of the weights --------------------------------


class _BFloat16Conv(torch.autograd.Function):
    """A bfloat16 convolution with a faster gradient of the weights.

    Weights are (out, C, 4, 4), or (C, out, 4, 4) if `transposed`.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, transposed: bool) -> Tensor:
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        ctx.transposed = transposed
        convolve = F.conv_transpose2d if transposed else F.conv2d
        return convolve(x, weight, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight, _ = ctx.needs_input_grad
        of_x = of_weight = None
        if for_x and ctx.transposed:
            of_x = F.conv2d(gradient, weight, stride=2, padding=1)
        elif for_x:
            output_padding = [side % 2 for side in x.shape[2:]]
            of_x = F.conv_transpose2d(gradient, weight, None, 2, 1, output_padding)
        if for_weight:
            of_weight = _weight_gradient(*((x, gradient) if ctx.transposed else (gradient, x)))
        return of_x, of_weight, None


def _weight_gradient(small: Tensor, large: Tensor) -> Tensor:
    """Return the gradient of weights (A, C, 4, 4), from the maps on both sides of them.

    These are `small` (B, A, h, w) and `large` (B, C, 2h, 2w). With batch and channels swapped, the
    gradient is itself a convolution: `large` are the C inputs, and `small` the A dilated kernels.
    """
    product = F.conv2d(_swapped(large), _swapped(small), padding=1, dilation=2)
    return _swapped(product[..., :4, :4])


def _swapped(x: Tensor) -> Tensor:
    """Swap batch and channels: (B, C, H, W) to (C, B, H, W), both channels_last.

    Three copies, two of which move contiguous runs of memory. A single copy takes two to seven
    times as long.
    """
    pixels = x.permute(2, 3, 0, 1).contiguous().transpose(2, 3).contiguous()
    return pixels.permute(2, 0, 1, 3).contiguous().permute(0, 3, 1, 2)
