"""The work of a step of training, counted before it is done: multiply-accumulates, forward and backward."""

import json
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from esr.common.errors import EsrError, on_one_line
from esr.common.factor import SCALE
from esr.recipes.step import NetworkSpec, Step
from esr.weights.weights_file import build_network


def step_work(step: Step, patch: int) -> float:
    """The work of a step on one patch of ``patch`` HR pixels a side: three forward passes, and one of a teacher.

    Raises:
        EsrError: a network cannot be built or run.
    """
    passes = 3 * _forward(step.network, patch)
    return passes + _forward(step.teacher, patch) if step.teacher else passes


def times_lighter(at_paper: Step, here: Step, patch: int) -> float:
    """The work of the paper's step over that of the step here; 1 where they are the same, and nothing is counted."""
    return 1.0 if at_paper == here else step_work(at_paper, patch) / step_work(here, patch)


def _forward(network: NetworkSpec, patch: int) -> float:
    return _counted(network.file, json.dumps(dict(network.arguments)), patch // SCALE)


@cache
def _counted(file: str, arguments: str, side: int) -> float:
    """Multiply-accumulates of the convolutions and products of a network's deploy form, on ``side`` x ``side`` LR.

    The training form does the same: its branches become one kernel before the patches see it. Only shapes are computed,
    and no random numbers are drawn that a training would miss.
    """
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.device("meta"),
            torch.no_grad(),
            FlopCounterMode(display=False) as counter,
        ):
            build_network(file, json.loads(arguments), deploy=True)(torch.empty(1, 3, side, side))
    except EsrError:
        raise
    except Exception as error:  # whatever its forward raises
        raise EsrError(f"network {file} cannot be counted: {on_one_line(error)}") from error
    return float(counter.get_total_flops()) / 2
