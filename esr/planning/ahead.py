"""How much training follows a stage in its entry: what is known before anything of it has run."""

from esr.planning.phases import entry_stages, training_stage
from esr.planning.work import stage_work
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params


def work_ahead(graph: Graph, params: Params, node: Node) -> float:
    """What the trainings that wait for a training stage will cost, in units of the stage itself.

    How long a multiply-accumulate takes depends on the network's shape, so a time made of this is a rough one.
    """
    own = training_stage(params, node, params.rule)
    assert own is not None
    waiting = {node.name}
    ahead = 0.0
    for other in entry_stages(graph, params, own.row.entry):
        if any(before.name in waiting for before in graph.upstream(other)):
            waiting.add(other.name)
            training = training_stage(params, other, params.rule)
            ahead += stage_work(training) if training else 0.0
    return ahead / stage_work(own)
