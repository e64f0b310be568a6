"""Random pictures in two classes: what a user writes in a file of their own."""

import numpy as np


def load(split):
    rng = np.random.default_rng(0 if split == "train" else 1)
    return rng.integers(0, 256, (220, 16, 16, 1), np.uint8), np.arange(220) % 2
