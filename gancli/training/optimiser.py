"""Adam over a network's weights, each in the order in which it is laid out in memory."""

import torch
from torch import Tensor, nn

from gancli.config import Training
from gancli.training.state import nest, unnest


class Optimiser:
    """Adam on the weights of `network`, at the learning rate in the scalar tensor `lr`.

    Convolution weights are channels_last, and fused Adam would copy each of them to the default
    layout and back. Viewed as (out, H, W, in) they are contiguous and need no copy: a step on 42
    million weights takes half the time (512x512x4x4 each: 9 ms instead of 17, one core).
    """

    def __init__(self, network: nn.Module, lr: Tensor, config: Training) -> None:
        self._weights = list(network.parameters())
        self._views = [_contiguous_view(p.detach()) for p in self._weights]  # the same memory
        self.adam = torch.optim.Adam(
            self._views,
            lr=lr,
            betas=(config.beta1, config.beta2),
            fused=True,
            capturable=lr.device.type == "cuda",
        )

    def gradients(self) -> list[Tensor]:
        """The gradients that there are, as contiguous views."""
        return [_contiguous_view(p.grad) for p in self._weights if p.grad is not None]

    def step(self) -> None:
        """Move the weights by their gradients, and drop the gradients."""
        for weight, view in zip(self._weights, self._views, strict=True):
            view.grad = None if weight.grad is None else _contiguous_view(weight.grad)
        self.adam.step()
        for weight, view in zip(self._weights, self._views, strict=True):
            weight.grad = view.grad = None

    def state(self) -> dict[str, Tensor]:
        """The moments and step count of each weight, under its number: `0.exp_avg`, ..."""
        found: dict[str, Tensor] = {}
        for i, view in enumerate(self._views):
            found |= nest(str(i), self.adam.state[view])
        return found

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`."""
        for i, view in enumerate(self._views):
            moments = unnest(str(i), tensors)
            self.adam.state[view] = {k: v.to(view.device, copy=True) for k, v in moments.items()}


def _contiguous_view(weight: Tensor) -> Tensor:
    """A channels_last (out, in, H, W) as (out, H, W, in), in the same memory; others unchanged."""
    channels_last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    return weight.permute(0, 2, 3, 1) if channels_last else weight
