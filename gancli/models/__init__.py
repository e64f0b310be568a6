"""One paper, one file: `Settings`, `PRESETS` and `build(settings, shape)` make a model."""
