"""The work of training, counted before anything of it is done: multiply-accumulates, forward and backward."""

from esr.common.errors import EsrError
from esr.planning.phases import AT_PAPER, TrainingStage, entry_stages, training_stage
from esr.recipes.graph import Graph
from esr.recipes.read import Params
from esr.recipes.step import Step
from esr.weights.step_work import step_work


def training_work(graph: Graph, params: Params, entry: str) -> dict[str, float]:
    """The work of all that an entry's rows train at paper, by role; pruning in all its rounds.

    Raises:
        EsrError: a network cannot be built or run, or a row's length follows from a set whose size is not known.
    """
    by_role: dict[str, float] = {}
    for node in entry_stages(graph, params, entry):
        if stage := training_stage(params, node, AT_PAPER):
            by_role[stage.role] = by_role.get(stage.role, 0.0) + _work_at_paper(stage)
    return by_role


def _work_at_paper(stage: TrainingStage) -> float:
    if stage.paper_iterations is None:
        raise EsrError(
            f"{stage.node.name}: its epochs are not known in iterations; give images_per_epoch, or the images of the "
            f"sources of {stage.row.data}"
        )
    return stage_work(stage)


def stage_work(stage: TrainingStage) -> float:
    """The work of a stage as it is scheduled."""
    schedule = stage.schedule
    steps = stage.rounds * schedule.iterations * schedule.batch
    return steps * step_work(Step(stage.network, stage.teacher), schedule.patch)
