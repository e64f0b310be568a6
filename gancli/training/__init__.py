"""Training: the trainer, and everything that turns a `gan train` command into a run folder.

Start reading at `run` (one run, from resuming to the last epoch) and `trainer` (step and loop).
"""
