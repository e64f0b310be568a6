"""Train the classic GANs and play with what they learned.

The folders, from top to bottom; each imports only from those below it:

- `cli`: the command `gan`
- `training`: runs, the training step, checkpoints
- `report`: charts
- `evaluation`: metrics of a generator
- `sampling`: a trained generator in use
- `datasets`: one file per dataset, on top of `data`, which they share
- `formats`: output files; `models`: one file per GAN
- `nn`: layers and losses

Models implement `gan.GAN`. The other files here are the base that all folders use.
"""

__version__ = "0.1.0"
