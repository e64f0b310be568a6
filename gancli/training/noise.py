"""Where training starts in the stream of random numbers of its seed.

Samples of a generator use the first numbers of their seed's stream, at most 4,096 for z. Training
starts beyond them, so a figure is never measured by noise that the generator was trained on.
"""

import torch

SKIPPED = 2**16  # numbers at the start of each stream that training does not use


def seed_all(seed: int) -> None:
    """Seed torch's default generators, as training uses them."""
    torch.manual_seed(seed)
    torch.rand(SKIPPED)


def seeded(seed: int, device: torch.device) -> torch.Generator:
    """Return a generator of its own on `device` that continues as the default one does."""
    rng = torch.Generator(device).manual_seed(seed)
    if device.type == "cpu":  # samples draw their noise there on any machine
        torch.rand(SKIPPED, generator=rng)
    return rng
