"""One paper, one file, which offers `Settings`, `preset` and `build`: see `gancli.gan`."""
