"""How much training follows a stage in its entry: what is known before anything of it has run."""

import json
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from esr.graph import Graph, Node
from esr.planning.phases import Built, TrainingStage, entry_stages, training_stage
from esr.recipes.read import Params
from esr.weights import build_network

PROBE = 64  # LR pixels on a side of the image that operations are counted on; only shapes are computed


def work_ahead(graph: Graph, params: Params, node: Node) -> float:
    """What the trainings that wait for a training stage will cost, in units of the stage itself.

    Counted are the operations of the networks, a training step as three passes and a teacher as one. How long an
    operation takes depends on the network's shape, so a time made of this is a rough one.
    """
    own = training_stage(params, node, params.rule)
    assert own is not None
    waiting = {node.name}
    ahead = 0.0
    for other in entry_stages(graph, params, own.row.entry):
        if any(before.name in waiting for before in graph.upstream(other)):
            waiting.add(other.name)
            training = training_stage(params, other, params.rule)
            ahead += _operations(training) if training else 0.0
    return ahead / _operations(own)


def _operations(stage: TrainingStage) -> float:
    schedule = stage.schedule
    pixels = stage.rounds * schedule.iterations * schedule.batch * schedule.patch**2
    per_pixel = 3 * _per_pixel(stage.network) + (_per_pixel(stage.teacher) if stage.teacher else 0.0)
    return pixels * per_pixel


def _per_pixel(network: Built) -> float:
    return _forward(network.file, json.dumps(dict(network.arguments)))


@cache
def _forward(file: str, arguments: str) -> float:
    """Operations of a forward pass of the deploy form: what a composed training form's convolutions do as well."""
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = build_network(file, json.loads(arguments), deploy=True)
        network(torch.empty(1, 3, PROBE, PROBE))
    return float(counter.get_total_flops()) / (4 * PROBE) ** 2
