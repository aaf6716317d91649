"""What a scale would take on this machine: every training measured for a few iterations, and added up."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from esr.common.progress import Progress
from esr.packed.store import PackedSet
from esr.planning.estimates import Estimate, estimate
from esr.planning.machine import Machine, measure_machine
from esr.planning.makespan import Job, makespan
from esr.planning.pace import Pace, measure
from esr.planning.phases import TrainingStage, check_entry, training_stage
from esr.planning.photographs import pack_photographs
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params
from esr.training.engine import Engine


@dataclass(frozen=True)
class ScalePlan:
    """What a scale, or some entries of it, will take on this machine.

    Attributes:
        scale: the scale.
        machine: this one.
        estimates: a stage each, in an order in which they could run.
        trainings: how many different trainings were measured.
        measured_in: seconds that measuring took.
        likely, low, high: seconds from start to end, with stages side by side as the machine allows.
    """

    scale: str
    machine: Machine
    estimates: Sequence[Estimate]
    trainings: int
    measured_in: float
    likely: float
    low: float
    high: float


def make_plan(graph: Graph, params: Params, entries: Sequence[str]) -> ScalePlan:
    """Plan the scale of ``params``; for ``entries`` alone, or for everything where none is named.

    Raises:
        EsrError: there is no such entry, or a network cannot be built.
    """
    nodes = _wanted(graph, params, entries)
    begun = time.perf_counter()
    torch.set_num_threads(params.rule.threads)
    engine = Engine(params.engine, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    engine.set_up_process()
    stages = [stage for node in nodes if node.key and (stage := training_stage(params, node, params.rule))]
    with TemporaryDirectory() as folder:
        photographs = pack_photographs(Path(folder), max((stage.schedule.patch for stage in stages), default=0))
        machine = measure_machine(photographs)
        paces = _measure_all(stages, engine, photographs.images)
    estimates = [estimate(params, node, machine, lambda stage: paces[_alike(stage)]) for node in nodes]

    def from_start_to_end(seconds: Callable[[Estimate], float]) -> float:
        return makespan(_jobs(graph, estimates, machine, seconds), machine.cores, len(machine.gpus))

    return ScalePlan(
        scale=params.scale,
        machine=machine,
        estimates=estimates,
        trainings=len(paces),
        measured_in=time.perf_counter() - begun,
        likely=from_start_to_end(lambda each: each.seconds),
        low=from_start_to_end(lambda each: each.low),
        high=from_start_to_end(lambda each: each.high),
    )


def _wanted(graph: Graph, params: Params, entries: Sequence[str]) -> list[Node]:
    """The stages of the entries and all that those need, in an order in which they could run."""
    for entry in entries:
        check_entry(params, entry)
    if not entries:
        return graph.in_order()
    wanted: set[str] = set()
    for node in reversed(graph.in_order()):
        row = params.row(node.kind, node.key) if node.key else None
        if getattr(row, "entry", None) in entries or node.name in wanted:
            wanted |= {node.name, *(before.name for before in graph.upstream(node))}
    return [node for node in graph.in_order() if node.name in wanted]


def _measure_all(stages: Sequence[TrainingStage], engine: Engine, images: PackedSet) -> dict[Hashable, Pace]:
    """The pace of every different training, once."""
    different = {_alike(stage): stage for stage in stages}
    paces: dict[Hashable, Pace] = {}
    with Progress("measuring", len(different), "trainings") as progress:
        for key, stage in different.items():
            paces[key] = measure(stage, engine, images)
            progress.add(1)
    return paces


def _alike(stage: TrainingStage) -> Hashable:
    """Trainings that are equal in this take the same time."""
    row = stage.row
    extras = row.fourier_weight > 0, row.clip_gradients is None, getattr(row, "ema_decay", None) is None
    return repr(stage.network), repr(stage.teacher), stage.schedule.patch, stage.schedule.batch, extras


def _jobs(
    graph: Graph, estimates: Sequence[Estimate], machine: Machine, seconds: Callable[[Estimate], float]
) -> dict[str, Job]:
    return {
        each.node.name: Job(
            name=each.node.name,
            seconds=seconds(each),
            threads=each.node.threads(machine.cores),
            gpus=int(each.node.resources.get("gpu", 0)),
            needs=[before.name for before in graph.upstream(each.node)],
        )
        for each in estimates
    }
