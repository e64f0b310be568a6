"""Adam on a network's weights, in the memory layout that each weight has."""

import torch
from torch import Tensor, nn

from gancli.training.state import add_prefix, select_prefix
from gancli.weights import fit


class Optimiser:
    """Adam on the weights of `network`, with the learning rate in the scalar tensor `lr`.

    Convolution weights are channels_last, and fused Adam would copy each of them to the default
    layout and back. Viewed as (out, H, W, in) they are contiguous and need no copy: a step on 42
    million weights takes half the time (512x512x4x4 each: 9 ms instead of 17, one core).
    """

    def __init__(self, network: nn.Module, lr: Tensor, betas: tuple[float, float]) -> None:
        self._weights = list(network.parameters())
        # The views share the memory of the weights: Adam updates the network in place.
        self._views = [_contiguous_view(p.detach()) for p in self._weights]
        self.adam = torch.optim.Adam(
            self._views,
            lr=lr,
            betas=betas,
            fused=True,
            capturable=lr.device.type == "cuda",
        )

    def gradients(self) -> list[Tensor]:
        """The gradients of all weights that have one, as contiguous views."""
        return [_contiguous_view(p.grad) for p in self._weights if p.grad is not None]

    def step(self) -> None:
        """Update the weights from their gradients, and drop the gradients."""
        for weight, view in zip(self._weights, self._views, strict=True):
            view.grad = None if weight.grad is None else _contiguous_view(weight.grad)
        self.adam.step()
        for weight, view in zip(self._weights, self._views, strict=True):
            weight.grad = view.grad = None

    def state(self) -> dict[str, Tensor]:
        """The moments and the step count of each weight, under its number: `0.exp_avg`, ..."""
        found: dict[str, Tensor] = {}
        for i, view in enumerate(self._views):
            found |= add_prefix(str(i), self.adam.state[view])
        return found

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state()`. Raises KeyError or ValueError if it is of another network."""
        for i, view in enumerate(self._views):
            moments = select_prefix(str(i), tensors)
            if moments:  # Adam has none for a weight that never had a gradient
                like = {"step": torch.zeros(()), "exp_avg": view, "exp_avg_sq": view}
                moments = fit(moments, like)
            self.adam.state[view] = {k: v.to(view.device, copy=True) for k, v in moments.items()}


def _contiguous_view(weight: Tensor) -> Tensor:
    """View a channels_last (out, in, H, W) as (out, H, W, in); return others unchanged."""
    channels_last = weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    return weight.permute(0, 2, 3, 1) if channels_last else weight
