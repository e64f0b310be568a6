"""Blocks that more than one model builds from."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn import strided


def pyramid(size: int, smallest: int = 7) -> list[int]:
    """Picture sizes from the coarsest to `size`, each half of the next, rounded up.

    28 -> [7, 14, 28]; 64 -> [4, 8, 16, 32, 64]; 36 -> [5, 9, 18, 36].
    """
    sizes = [size]
    while sizes[0] > smallest:
        sizes.insert(0, (sizes[0] + 1) // 2)
    return sizes


class Halve(nn.Sequential):
    """A 4x4 convolution of stride 2: maps (B, C, size, size) to half the size, rounded up.

    The last K of its channels may be labels y (B, K), each a map of one value: see `_with_labels`.
    """

    def __init__(self, channels: int, out: int, size: int, bias: bool = True) -> None:
        odd = [nn.ZeroPad2d((0, 1, 0, 1))] if size % 2 else []
        super().__init__(*odd, strided.Conv(channels, out, bias=bias))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            made: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return made
        *odd, conv = self
        assert isinstance(conv, strided.Conv)
        weight = conv.weight.permute(0, 2, 3, 1)  # contiguous: gradients are joined as they come
        of_x, of_y = torch.split(weight, [x.shape[1], y.shape[1]], dim=3)
        ones = x.new_ones(1, 1, *x.shape[2:])
        for pad in odd:
            x, ones = pad(x), pad(ones)
        inside = F.conv2d(ones, _taps(ones).view(16, 1, 4, 4), stride=2, padding=1)
        maps = strided.conv(x, of_x.permute(0, 3, 1, 2), conv.bias)
        return _with_labels(maps, y, of_y.permute(3, 1, 2, 0), inside)


class Double(nn.Sequential):
    """A 4x4 transposed convolution of stride 2: maps of half the size, rounded up, to
    (B, C, size, size).

    The last K of its channels may be labels, as with `Halve`.
    """

    def __init__(self, channels: int, out: int, size: int, bias: bool = True) -> None:
        odd = [Crop(size)] if size % 2 else []
        super().__init__(strided.ConvTranspose(channels, out, bias=bias), *odd)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if y is None:
            made: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return made
        conv, *odd = self
        assert isinstance(conv, strided.ConvTranspose)
        weight = conv.weight.permute(0, 2, 3, 1)  # contiguous
        of_x, of_y = torch.split(weight, [x.shape[1], y.shape[1]])
        ones = x.new_ones(1, 1, *x.shape[2:])
        inside = F.conv_transpose2d(ones, _taps(ones).view(1, 16, 4, 4), stride=2, padding=1)
        maps = strided.conv_transpose(x, of_x.permute(0, 3, 1, 2), conv.bias)
        maps = _with_labels(maps, y, of_y, inside)
        for crop in odd:
            maps = crop(maps)
        return maps


def _taps(like: Tensor) -> Tensor:
    """Sixteen flattened 4x4 kernels, (16, 16), each one at a single tap and zero elsewhere."""
    return torch.eye(16, dtype=like.dtype, device=like.device)


def _with_labels(maps: Tensor, y: Tensor, weight: Tensor, inside: Tensor) -> Tensor:
    """`maps`, plus what the convolution makes of labels y (B, K).

    A label has the same value all over a picture. So each tap of the kernel adds that value times
    its `weight` (K, 4, 4, C) wherever the tap is `inside` the picture, a mask (1, 16, H, W). With
    labels concatenated as maps, ten of them at every layer took a fifth of a step.
    """
    b, channels, height, width = maps.shape
    taps = (y.to(maps.dtype) @ weight.flatten(1)).view(b, 16, channels)
    of_labels = inside.to(taps.dtype).view(16, -1).T.expand(b, -1, -1) @ taps  # (B, H * W, C)
    return maps + of_labels.view(b, height, width, channels).permute(0, 3, 1, 2)


class ToMaps(nn.Module):
    """(B, H * W * C) -> (B, C, H, W) in channels_last layout: no later layer has to convert it."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.channels, self.size = channels, size

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.size, self.size, self.channels).permute(0, 3, 1, 2)


class FromMaps(nn.Module):
    """(B, C, H, W) in channels_last layout -> (B, H * W * C), without a copy."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Crop(nn.Module):
    """The top left `size` x `size` of (B, C, H, W); a transposed convolution can only double."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]  # F.pad, as its gradient is channels_last; a slice's is not
        return F.pad(x, (0, self.size - width, 0, self.size - height))


class DropMaps(nn.Module):
    """Dropout of whole maps of (B, C, H, W), each with probability `rate`; others are scaled up.

    If `wins` is below 1, the rate adapts so that the discriminator wins that often: one that has
    memorised its pictures wins more and more, and with fewer maps to go by it has to look at what
    pictures have in common. So a long training overfits as little as a short one, on few pictures
    as on many. (Karras, Aittala, Hellsten, Laine, Lehtinen, Aila 2020, arXiv:2006.06676, section
    3.1, where it is augmentation that adapts; at 28x28 pixels that costs more than it gains.)
    """

    FOLLOWS = 1e-3  # speed: the rate rises by 0.05 in 1,000 steps in which 0.05 too many win
    MOST = 0.9

    def __init__(self, rate: float, wins: float = 1.0) -> None:
        super().__init__()
        self.wins = wins
        self.register_buffer("rate", torch.tensor(rate))
        self.rate: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(x.shape[:2], device=x.device) >= self.rate
        return x * (kept / (1 - self.rate)).to(x.dtype)[:, :, None, None]

    @torch.no_grad()
    def follow(self, wins: Tensor) -> None:
        """Adapt after a step in which D judged a share `wins` (a scalar) of pictures correctly."""
        if self.wins < 1:
            self.rate.add_(self.FOLLOWS * (wins - self.wins)).clamp_(0, self.MOST)


class MinibatchStd(nn.Module):
    """Features (B, N) -> (B, N + 1): how varied the batch is, as one more feature of each picture.

    It is the mean over all features of their standard deviation over the batch, and lets a
    discriminator notice pictures that are too similar (Karras, Aila, Laine, Lehtinen 2017,
    arXiv:1710.10196, section 3). Real and fake pictures must pass separately.
    """

    def forward(self, x: Tensor) -> Tensor:
        spread: Tensor = _BatchStd.apply(x)
        return torch.cat([x, spread.expand(len(x), 1)], dim=1)


class _BatchStd(torch.autograd.Function):
    """The mean over features (B, N) of their standard deviation over the batch, a scalar.

    In the format of x, though sums are accumulated in float32. Forward and backward take a fraction
    of the 10 ms of torch.var in float32 and of the 2 ms of a gradient through every operation here
    (128x3136, bfloat16, one core).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        apart = x - x.mean(0)
        each = apart.square().mean(0).float().add(1e-8).sqrt()
        ctx.save_for_backward(apart, each)
        return each.mean().to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """(x - mean) / (B N std): the gradients through the mean cancel out."""
        apart, each = ctx.saved_tensors
        of_x: Tensor = apart * (gradient.float() / (apart.numel() * each)).to(apart.dtype)
        return of_x


class ELU(nn.Module):
    """x where positive, exp(x) - 1 elsewhere (Clevert et al. 2015, arXiv:1511.07289).

    torch's is not vectorised for bfloat16 on a CPU. Composed of operations that are, it takes a
    sixteenth of the time (64x16x32x32, one core: 1.1 ms instead of 17), rounding to bfloat16.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.bfloat16 and x.device.type == "cpu":
            y: Tensor = _BFloat16ELU.apply(x)
            return y
        return F.elu(x, inplace=True)


class _BFloat16ELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        below = x.clamp_max(0).exp_().sub_(1)
        y = torch.maximum(x, below, out=below)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.elu_backward(gradient, 1.0, 1.0, 1.0, True, y)  # type: ignore[no-any-return]


class InstanceNorm(nn.Module):
    """Normalisation of (B, C, H, W) by each picture's own statistics, with gain and bias.

    Ulyanov, Vedaldi, Lempitsky 2016, arXiv:1607.08022. Each picture goes through batch norm by
    itself, which works in channels_last: forward and backward take a third of the time of
    instance_norm, which converts the layout, and a thirtieth of group_norm's (4x64x64x64,
    bfloat16, CPU).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        pictures = [
            F.batch_norm(one, None, None, self.weight, self.bias, True) for one in torch.split(x, 1)
        ]
        maps: Tensor = _Joined.apply(*pictures)
        return maps


class _Joined(torch.autograd.Function):
    """Maps (1, C, H, W) of each picture, concatenated to a batch (B, C, H, W).

    The gradient is made contiguous. Where the maps were concatenated with others, as in a U-Net,
    it is a slice with gaps between pixels, for which the backward of batch norm takes eight times
    as long on a CPU (1x32x64x64: 0.96 ms instead of 0.12; the copy takes 0.01).
    """

    @staticmethod
    def forward(ctx: Any, *pictures: Tensor) -> Tensor:
        return torch.cat(pictures)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        return torch.split(gradient.contiguous(memory_format=torch.channels_last), 1)


def init_dcgan(module: nn.Module) -> None:
    """Weights from N(0, 0.02) (arXiv:1511.06434, section 4), and, as in Radford's code, gains of
    batch norm from N(1, 0.02)."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(m.weight, 0.0, 0.02)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | InstanceNorm):
            nn.init.normal_(m.weight, 1.0, 0.02)
            nn.init.zeros_(m.bias)
