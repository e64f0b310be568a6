"""The models, one paper per file. To add one, define what `gancli.gan` lists."""
