"""Training: the trainer, and everything that turns a `gan train` command into a run folder.

Start reading at `run` (the life of a run) and `trainer` (the step and the loop).
"""
