"""The work of training, counted before anything of it is done: multiply-accumulates, forward and backward."""

import json
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from esr.common.errors import EsrError, on_one_line
from esr.common.factor import SCALE
from esr.planning.phases import NetworkSpec, TrainingStage, entry_stages, training_stage
from esr.recipes.graph import Graph
from esr.recipes.read import Params
from esr.recipes.scale import DataRule, Measuring, Scale, TrainingRule
from esr.weights.weights_file import build_network

AT_PAPER = Scale(
    threads=1,
    data=DataRule(stand_in=False, only_source=None),
    training=TrainingRule(validate_every=1),
    measuring=Measuring(sizes=[(256, 256)], seconds=1, narrow=1),
)
"""The rule that leaves every row as it is."""


def training_work(graph: Graph, params: Params, entry: str) -> float:
    """The work of all that an entry's rows train at paper, its teachers too, and pruning in all its rounds.

    Raises:
        EsrError: a network cannot be built or run, or a row's length follows from a set whose size is not known.
    """
    stages = [training_stage(params, node, AT_PAPER) for node in entry_stages(graph, params, entry)]
    return sum(_work_at_paper(stage) for stage in stages if stage)


def _work_at_paper(stage: TrainingStage) -> float:
    if stage.paper_iterations is None:
        raise EsrError(
            f"{stage.node.name}: its epochs are not known in iterations; give images_per_epoch, or the images of the "
            f"sources of {stage.row.data}"
        )
    return stage_work(stage)


def stage_work(stage: TrainingStage) -> float:
    """The work of a stage as it is scheduled: three forward passes a step, and one of a teacher."""
    schedule = stage.schedule
    passes = 3 * _forward(stage.network, schedule.patch)
    if stage.teacher:
        passes += _forward(stage.teacher, schedule.patch)
    return stage.rounds * schedule.iterations * schedule.batch * passes


def _forward(network: NetworkSpec, patch: int) -> float:
    return _counted(network.file, json.dumps(dict(network.arguments)), patch // SCALE)


@cache
def _counted(file: str, arguments: str, side: int) -> float:
    """Multiply-accumulates of the convolutions and products of a network's deploy form, on ``side`` x ``side`` LR.

    The training form does the same: its branches become one kernel before the patches see it. Only shapes are computed.
    """
    try:
        with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
            build_network(file, json.loads(arguments), deploy=True)(torch.empty(1, 3, side, side))
    except EsrError:
        raise
    except Exception as error:  # whatever its forward raises
        raise EsrError(f"network {file} cannot be counted: {on_one_line(error)}") from error
    return float(counter.get_total_flops()) / 2
