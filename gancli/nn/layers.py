"""Layers that several models share: resampling, dropout, normalisation, initialisation.

Some compute a standard layer in a faster way; their docstrings say how much faster, and the tests
compare them with torch's own. Feature maps are (B, C, H, W), in channels_last layout.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.nn import strided


def pyramid(size: int, smallest: int = 7) -> list[int]:
    """Return image sizes from the smallest to `size`. Each is half of the next, rounded up.

    28 -> [7, 14, 28]; 64 -> [4, 8, 16, 32, 64]; 36 -> [5, 9, 18, 36].
    """
    sizes = [size]
    while sizes[0] > smallest:
        sizes.insert(0, (sizes[0] + 1) // 2)
    return sizes


class DownConv(nn.Sequential):
    """A 4x4 convolution of stride 2: (B, C, size, size) to half the size, rounded up.

    The last K input channels may be labels y (B, K), each a constant map: see `_add_labels`.
    """

    def __init__(self, channels: int, out: int, size: int, bias: bool = True) -> None:
        pads = [nn.ZeroPad2d((0, 1, 0, 1))] if size % 2 else []
        super().__init__(*pads, strided.Conv(channels, out, bias=bias))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Map x (B, C, H, W), or x and labels y (B, K), to (B, out, ceil(H / 2), ceil(W / 2))."""
        if y is None:
            maps: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return maps
        *pads, conv = self
        assert isinstance(conv, strided.Conv)
        weight = conv.weight.permute(0, 2, 3, 1)  # contiguous, so the split gradients join cheaply
        # the weights for x and those for y
        of_x, of_y = torch.split(weight, [x.shape[1], y.shape[1]], dim=3)
        ones = x.new_ones(1, 1, *x.shape[2:])  # a constant map: its convolution shows the padding
        for pad in pads:
            x, ones = pad(x), pad(ones)
        inside = F.conv2d(ones, _taps(ones).view(16, 1, 4, 4), stride=2, padding=1)
        maps = strided.conv(x, of_x.permute(0, 3, 1, 2), conv.bias)
        return _add_labels(maps, y, of_y.permute(3, 1, 2, 0), inside)


class UpConv(nn.Sequential):
    """A 4x4 transposed convolution of stride 2: half the size, rounded up, to (B, out, size, size).

    The last K input channels may be labels y (B, K), as in `DownConv`.
    """

    def __init__(self, channels: int, out: int, size: int, bias: bool = True) -> None:
        crops = [Crop(size)] if size % 2 else []
        super().__init__(strided.ConvTranspose(channels, out, bias=bias), *crops)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Map x (B, C, h, w), or x and labels y (B, K), to (B, out, size, size)."""
        if y is None:
            image: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return image
        conv, *crops = self
        assert isinstance(conv, strided.ConvTranspose)
        weight = conv.weight.permute(0, 2, 3, 1)  # contiguous
        of_x, of_y = torch.split(weight, [x.shape[1], y.shape[1]])
        ones = x.new_ones(1, 1, *x.shape[2:])
        inside = F.conv_transpose2d(ones, _taps(ones).view(1, 16, 4, 4), stride=2, padding=1)
        maps = strided.conv_transpose(x, of_x.permute(0, 3, 1, 2), conv.bias)
        maps = _add_labels(maps, y, of_y, inside)
        for crop in crops:
            maps = crop(maps)
        return maps


def _taps(like: Tensor) -> Tensor:
    """Return sixteen flattened 4x4 kernels (16, 16), each 1 at one tap and 0 elsewhere."""
    return torch.eye(16, dtype=like.dtype, device=like.device)


def _add_labels(maps: Tensor, y: Tensor, weight: Tensor, inside: Tensor) -> Tensor:
    """Add to `maps` (B, C, H, W) the convolution of labels y (B, K), given as constant maps.

    A label has the same value at every pixel. So each tap of the kernel adds that value times its
    `weight` (K, 4, 4, C), except where the tap lies in the padding: the mask `inside` (1, 16, H, W)
    is 1 where a tap is inside the image. Concatenating the labels as maps gives the same result,
    but ten labels at every layer took a fifth of a step.
    """
    b, channels, height, width = maps.shape
    taps = (y.to(maps.dtype) @ weight.flatten(1)).view(b, 16, channels)
    of_labels = inside.to(taps.dtype).view(16, -1).T.expand(b, -1, -1) @ taps  # (B, H * W, C)
    return maps + of_labels.view(b, height, width, channels).permute(0, 3, 1, 2)


class UnflattenNHWC(nn.Module):
    """Unflatten (B, H * W * C) to (B, C, H, W) in channels_last layout, without a copy."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.channels, self.size = channels, size

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, size * size * channels) to (B, channels, size, size)."""
        return x.view(len(x), self.size, self.size, self.channels).permute(0, 3, 1, 2)


class FlattenNHWC(nn.Module):
    """Flatten (B, C, H, W) in channels_last layout to (B, H * W * C), without a copy."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, H * W * C)."""
        return x.permute(0, 2, 3, 1).flatten(1)


class Crop(nn.Module):
    """Keep the top left `size` x `size` of feature maps.

    A transposed convolution of stride 2 only makes even sizes; odd ones are cropped from the next.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, size, size)."""
        height, width = x.shape[2:]
        # F.pad with negative margins, not a slice: its gradient is channels_last
        return F.pad(x, (0, self.size - width, 0, self.size - height))


class AdaptiveDropout2d(nn.Module):
    """Drop entire channels of (B, C, H, W) with probability `rate`, and scale up the others.

    If `target_wins` is below 1, the rate adapts so that the discriminator wins that often. A
    discriminator that memorises the training images wins more and more. With fewer channels it has
    to rely on what the images have in common. Thus a longer training does not overfit more than a
    short one, on small and on large datasets. Karras, Aittala, Hellsten, Laine, Lehtinen, Aila
    2020, arXiv:2006.06676, section 3, adapt augmentation in this way; at 28x28 pixels augmentation
    costs more than it gains.
    """

    SPEED = 1e-3  # per step: at a win rate 0.05 too high, the rate rises by 0.05 in 1,000 steps
    MAX_RATE = 0.9

    def __init__(self, rate: float, target_wins: float = 1.0) -> None:
        super().__init__()
        self.target_wins = target_wins
        self.register_buffer("rate", torch.tensor(rate))
        self.rate: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Drop channels of x (B, C, H, W) in training mode; otherwise return x."""
        if not self.training:
            return x
        kept = torch.rand(x.shape[:2], device=x.device) >= self.rate
        return x * (kept / (1 - self.rate)).to(x.dtype)[:, :, None, None]

    @torch.no_grad()
    def adapt(self, wins: Tensor) -> None:
        """Adapt the rate to the win rate of this step: `wins`, a scalar in 0..1."""
        if self.target_wins < 1:
            self.rate.add_(self.SPEED * (wins - self.target_wins)).clamp_(0, self.MAX_RATE)


class MinibatchStd(nn.Module):
    """Append the minibatch standard deviation to features: (B, N) to (B, N + 1).

    The new feature is the standard deviation of each feature over the batch, averaged over all
    features. It lets a discriminator notice fakes that are too similar (Karras, Aila, Laine,
    Lehtinen 2017, arXiv:1710.10196, section 3). Real and fake images must pass in separate batches.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, N) to (B, N + 1); the last feature is the same in all rows."""
        std: Tensor = _BatchStd.apply(x)
        return torch.cat([x, std.expand(len(x), 1)], dim=1)


class _BatchStd(torch.autograd.Function):
    """Standard deviation of features (B, N) over the batch, averaged over features: a scalar.

    Its dtype is that of x. bfloat16 moves it by 0.13 %; between batches of 64 clothes it varies by
    1.1 %. Faster than torch.var in float32 (10 ms) or autograd (2 ms; 128x3136, one core).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        centred, std = _deviations(x)
        ctx.save_for_backward(x, centred, std)
        return std.mean().to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return (x - mean) / (B N std), times the gradient: those through the mean cancel."""
        x, centred, std = ctx.saved_tensors
        if torch.is_grad_enabled():  # this gradient needs a graph to x: a second one follows
            centred, std = _deviations(x)
        of_x: Tensor = centred * (gradient.float() / (centred.numel() * std)).to(centred.dtype)
        return of_x


def _deviations(x: Tensor) -> tuple[Tensor, Tensor]:
    centred = x - x.mean(0)
    return centred, centred.square().mean(0).float().add(1e-8).sqrt()


class ELU(nn.Module):
    """The ELU activation: x if x > 0, else exp(x) - 1 (Clevert et al. 2015, arXiv:1511.07289).

    torch's ELU is not vectorised for bfloat16 on a CPU. This one is composed of operations that
    are: it takes a sixteenth of the time (64x16x32x32, one core: 1.1 ms instead of 17), and rounds
    to bfloat16 in between.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to x, of any shape. May overwrite x."""
        if x.dtype == torch.bfloat16 and x.device.type == "cpu":
            y: Tensor = _BFloat16ELU.apply(x)
            return y
        return F.elu(x, inplace=True)


class _BFloat16ELU(torch.autograd.Function):
    """ELU for bfloat16 tensors on a CPU; its backward needs the output only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        negative = x.clamp_max(0).exp_().sub_(1)  # exp(x) - 1 if x < 0, else 0
        y = torch.maximum(x, negative, out=negative)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.elu_backward(gradient, 1.0, 1.0, 1.0, True, y)  # type: ignore[no-any-return]


class InstanceNorm(nn.Module):
    """Instance normalisation of (B, C, H, W), with gain and bias.

    Ulyanov, Vedaldi, Lempitsky 2016, arXiv:1607.08022. Each image goes through batch norm by
    itself, because batch norm works in channels_last. Forward and backward take a third of the time
    of F.instance_norm, which converts the layout, and a thirtieth of that of F.group_norm
    (4x64x64x64, bfloat16, CPU).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel of each image in x (B, C, H, W)."""
        images = [
            F.batch_norm(one, None, None, self.weight, self.bias, True) for one in torch.split(x, 1)
        ]
        maps: Tensor = _Concatenate.apply(*images)
        return maps


class _Concatenate(torch.autograd.Function):
    """Concatenate feature maps (1, C, H, W) to a batch (B, C, H, W), with a contiguous gradient.

    If the output is concatenated with other maps, as in a U-Net, its gradient is a slice with gaps
    between pixels. The backward pass of batch norm is eight times as slow on such a slice (CPU,
    1x32x64x64: 0.96 ms instead of 0.12; the copy takes 0.01).
    """

    @staticmethod
    def forward(ctx: Any, *images: Tensor) -> Tensor:
        return torch.cat(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        return torch.split(gradient.contiguous(memory_format=torch.channels_last), 1)


def init_dcgan(module: nn.Module) -> None:
    """Initialise a network as DCGAN does: weights with mean 0 (arXiv:1511.06434, section 4).

    Gains of normalisation layers have mean 1, as in Radford's code. The standard deviation is 0.02
    for all. Biases are 0.
    """
    for m in module.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(m.weight, 0.0, 0.02)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | InstanceNorm):
            nn.init.normal_(m.weight, 1.0, 0.02)
            nn.init.zeros_(m.bias)
