"""The learning rate as a function of the iteration: nothing to store, nothing to restore."""

import math
from bisect import bisect_right

from esr.recipes.rows import Phase
from esr.recipes.scale import Schedule


def learning_rate(phase: Phase, schedule: Schedule, iteration: int) -> float:
    """The rate of ``iteration`` (from 0) of a phase.

    Cosine (Loshchilov & Hutter, SGDR, 2017, without restarts) falls from the rate to the row's lowest over the whole
    phase; multistep halves at every milestone; a constant rate is the row's, or that of the last of its changes; a
    warm-up raises the rate in a straight line from 0 before that.
    """
    if iteration < schedule.warmup:
        return schedule.learning_rate * (iteration + 1) / schedule.warmup
    if phase.schedule == "cosine":
        progress = (iteration - schedule.warmup) / (schedule.iterations - schedule.warmup)
        depth = (1 + math.cos(math.pi * progress)) / 2
        lowest = min(phase.lowest_learning_rate, schedule.learning_rate)
        return lowest + (schedule.learning_rate - lowest) * depth
    if phase.schedule == "multistep":
        return schedule.learning_rate * 0.5 ** bisect_right(schedule.milestones, iteration)
    return next((rate for begin, rate in reversed(schedule.rates) if begin <= iteration), schedule.learning_rate)
