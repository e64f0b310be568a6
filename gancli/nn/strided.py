"""4x4 convolutions of stride 2 and padding 1, each in the form that suits the machine.

A CPU is slow at shapes that GANs are full of (figures: bfloat16, two cores).

- From and to a few channels, 2x2 pixels taken as one of four times the channels make a 2x2
  convolution of stride 1: the same sums.
- Where a batch has few pixels, as within a U-Net, the weights are all the work, and a matrix
  product reads them once: 1024 to 512 channels, from 4x4 pixels to 2x2, takes 3.5 ms forward and
  back in place of 18 to 26.
- Of small maps in large batches, the gradient of the weights is a convolution with pictures and
  channels swapped: a step of 128 pictures at 28x28 takes 6 to 10 % less by it.

Elsewhere, and on a GPU, they are torch's own.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

THIN = 3  # channels at most: gray or colour
FEW = 64  # pixels at most of all the smaller maps of a batch
SMALL = 8  # pixels at most across the smaller map
MANY = 32  # pictures at least


class Conv(nn.Conv2d):
    """(B, C, H, W) to (B, out, H // 2, W // 2)."""

    def __init__(self, channels: int, out: int, bias: bool = True) -> None:
        super().__init__(channels, out, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return conv(x, self.weight, self.bias)


class ConvTranspose(nn.ConvTranspose2d):
    """(B, C, H, W) to (B, out, 2H, 2W)."""

    def __init__(self, channels: int, out: int, bias: bool = True) -> None:
        super().__init__(channels, out, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        return conv_transpose(x, self.weight, self.bias)


def conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """What `Conv` does, with weights (out, C, 4, 4) and bias (out,).

    Thin ones are done in blocks for the gradient of `x`: forward they are a bit slower.
    """
    b, channels, height, width = x.shape
    if x.device.type == "cpu":
        if channels <= THIN and x.requires_grad:
            blocks = _Blocks.apply(F.pad(x, (1, 1, 1, 1)))
            return F.conv2d(blocks, _Blocks.apply(weight), bias)
        if b * (height // 2) * (width // 2) <= FEW:
            made = F.linear(_Gather.apply(x), _matrix(weight), bias)
            return made.permute(0, 3, 1, 2)
        if b >= MANY and height // 2 <= SMALL and _in_bfloat16():
            return _with_bias(_Rounded.apply(x, weight, False), bias)
    return F.conv2d(x, weight, bias, stride=2, padding=1)


def conv_transpose(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """What `ConvTranspose` does, with weights (C, out, 4, 4) and bias (out,)."""
    b, _, height, width = x.shape
    if x.device.type == "cpu":
        if weight.shape[1] <= THIN:
            of_blocks = None if bias is None else bias.repeat(4)
            blocks = F.conv_transpose2d(x, _Blocks.apply(weight), of_blocks)
            pixels: Tensor = _Pixels.apply(blocks)
            return pixels[..., 1:-1, 1:-1]
        if b * height * width <= FEW:
            made = _Scatter.apply(x.permute(0, 2, 3, 1) @ _matrix(weight))
            return _with_bias(made, bias)
        if b >= MANY and height <= SMALL and _in_bfloat16():
            return _with_bias(_Rounded.apply(x, weight, True), bias)
    return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)


def _with_bias(maps: Tensor, bias: Tensor | None) -> Tensor:
    return maps if bias is None else maps + bias.to(maps.dtype).view(-1, 1, 1)


def _in_bfloat16() -> bool:
    enabled = torch.is_autocast_enabled("cpu")
    return enabled and torch.get_autocast_dtype("cpu") == torch.bfloat16


def _matrix(weight: Tensor) -> Tensor:
    """(A, C, 4, 4) as (A, 16C), pixel by pixel: no copy where it lies in channels_last layout."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


class _Blocks(torch.autograd.Function):
    """(B, C, H, W) as (B, 4C, H // 2, W // 2): four pixels, row by row, as one.

    Unlike F.pixel_unshuffle, of one channel, too, in channels_last: what follows works in that.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _blocks(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _pixels(gradient)


class _Pixels(torch.autograd.Function):
    """Its reverse: (B, 4C, H, W) as (B, C, 2H, 2W)."""

    @staticmethod
    def forward(ctx: Any, blocks: Tensor) -> Tensor:
        return _pixels(blocks)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _blocks(gradient)


class _Gather(torch.autograd.Function):
    """Maps (B, C, H, W) to the 4x4 patches that a convolution sees, (B, H // 2, W // 2, 16C)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[2:]
        return _gather(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _scatter(gradient, *ctx.size)


class _Scatter(torch.autograd.Function):
    """Its transpose: patches (B, h, w, 16C) laid over one another and added, (B, C, 2h, 2w)."""

    @staticmethod
    def forward(ctx: Any, patches: Tensor) -> Tensor:
        return _scatter(patches, 2 * patches.shape[1], 2 * patches.shape[2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _gather(gradient)


class _Rounded(torch.autograd.Function):
    """In bfloat16, the convolution of x (B, C, H, W) with (out, C, 4, 4), or, to `double` it, the
    transposed one with (C, out, 4, 4)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, double: bool) -> Tensor:
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        ctx.double = double
        usual = F.conv_transpose2d if double else F.conv2d
        return usual(x, weight, stride=2, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight, _ = ctx.needs_input_grad
        of_x = of_weight = None
        if for_x and ctx.double:
            of_x = F.conv2d(gradient, weight, stride=2, padding=1)
        elif for_x:
            odd = [side % 2 for side in x.shape[2:]]
            of_x = F.conv_transpose2d(gradient, weight, None, 2, 1, odd)
        if for_weight:
            of_weight = _weight_gradient(*((x, gradient) if ctx.double else (gradient, x)))
        return of_x, of_weight, None


def _weight_gradient(small: Tensor, large: Tensor) -> Tensor:
    """(A, C, 4, 4) of the maps (B, A, h, w) and (B, C, 2h, 2w) on either side of the weights.

    With the pictures of a batch as channels it is a convolution itself: of the maps C, with the
    maps A as dilated kernels.
    """
    product = F.conv2d(_turned(large), _turned(small), padding=1, dilation=2)
    return _turned(product[..., :4, :4])


def _turned(x: Tensor) -> Tensor:
    """(B, C, H, W) as (C, B, H, W), both channels_last; in three steps, of which two copy runs of
    memory: in one it takes two to seven times as long."""
    pixels = x.permute(2, 3, 0, 1).contiguous().transpose(2, 3).contiguous()
    return pixels.permute(2, 0, 1, 3).contiguous().permute(0, 3, 1, 2)


def _blocks(x: Tensor) -> Tensor:
    rows = x.permute(0, 2, 3, 1)
    pixels = [rows[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return torch.cat(pixels, dim=-1).permute(0, 3, 1, 2)


def _pixels(blocks: Tensor) -> Tensor:
    b, _, height, width = blocks.shape
    parts = blocks.permute(0, 2, 3, 1).reshape(b, height, width, 2, 2, -1)
    rows = parts.transpose(2, 3).reshape(b, 2 * height, 2 * width, -1)
    return rows.permute(0, 3, 1, 2)


def _gather(x: Tensor) -> Tensor:
    b, c, height, width = x.shape
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    picture, row, column, _ = padded.stride()
    shape = (b, height // 2, width // 2, 4, 4 * c)  # patches overlap; a row of one is contiguous
    patches = padded.as_strided(shape, (picture, 2 * row, 2 * column, row, 1))
    return patches.reshape(*shape[:3], 16 * c)


def _scatter(patches: Tensor, height: int, width: int) -> Tensor:
    """A pixel is covered by four patches: by their upper or lower, left or right half."""
    b, h, w, _ = patches.shape
    part = patches.view(b, h, w, 2, 2, 2, 2, -1)  # (half, pixel) of rows, of columns, channels
    blocks = patches.new_zeros(b, h + 1, w + 1, 2, 2, part.shape[-1])
    for y in (0, 1):
        for x in (0, 1):
            blocks[:, y : y + h, x : x + w] += part[:, :, :, y, :, x]
    pixels = blocks.permute(0, 1, 3, 2, 4, 5).reshape(b, 2 * h + 2, 2 * w + 2, -1)
    return pixels[:, 1 : 1 + height, 1 : 1 + width].permute(0, 3, 1, 2)
