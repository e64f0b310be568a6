"""How fast training is here, measured over a few steps that are undone again."""

import time

import torch

from gancli.training import distributed
from gancli.training.trainer import Trainer

WARM_UP = 12  # steps before the measurement: on a GPU, the step is recorded in the meantime
SECONDS, STEPS = 3.0, 50  # how long to measure; several processes count steps


def images_per_second(trainer: Trainer) -> float:
    """Measure the speed of `trainer`. Its state is the same afterwards as before."""
    state = trainer.state()
    for _ in range(WARM_UP):
        trainer.step()
    trainer.read_metrics(reset=False)  # waits for the device
    began, steps = time.perf_counter(), 0
    while not _is_enough(steps, time.perf_counter() - began):
        trainer.step()
        steps += 1
    trainer.read_metrics(reset=False)
    speed = torch.tensor(steps * trainer.images_per_step / (time.perf_counter() - began))
    distributed.average([speed])  # all processes must agree
    trainer.load(state)
    return float(speed)


def _is_enough(steps: int, seconds: float) -> bool:
    if distributed.world_size() > 1:  # all processes must take the same number of steps
        return steps >= STEPS
    return steps > 0 and seconds >= SECONDS
