"""An entry's phases: what the rows say, and what will run at a scale."""

from dataclasses import dataclass

from esr.common.errors import EsrError
from esr.planning.sets import images_of
from esr.recipes.graph import Graph, Node, read_graph
from esr.recipes.kinds import ROLES
from esr.recipes.read import Params, check
from esr.recipes.rows import Distill, Finetune, FreshPhase, Import, Optimisation, Phase, Prune
from esr.recipes.scale import (
    DataRule,
    Measuring,
    Role,
    Scale,
    Schedule,
    TrainingRule,
    most_rounds,
    paper_iterations,
    shrink_patch,
    shrink_phase,
    shrink_round,
    thin_teacher,
)
from esr.recipes.step import NetworkSpec, Step
from esr.recipes.telling import short, some

AT_PAPER = Scale(
    threads=1,
    data=DataRule(stand_in=False, only_source=None),
    training=TrainingRule(validate_every=1),
    measuring=Measuring(sizes=[(256, 256)], seconds=1, narrow=1),
)
"""The rule that leaves every row as it is."""


@dataclass(frozen=True)
class TrainingStage:
    """A stage that trains, at a scale.

    Attributes:
        node: the stage.
        row: what params.yaml says.
        schedule: what will run; of one round where the stage prunes.
        rounds: how often the schedule runs, at most.
        paper_iterations: the row's length at paper scale; None where it is in epochs and the set's size is not known.
        network: what is trained.
        teacher: whose output is a second target, if any.
    """

    node: Node
    row: Optimisation
    schedule: Schedule
    rounds: int
    paper_iterations: int | None
    network: NetworkSpec
    teacher: NetworkSpec | None

    @property
    def role(self) -> Role:
        """What the scale's rule takes it for."""
        return ROLES[self.node.kind]


def at_scale(scale: str | None) -> tuple[Graph, Params]:
    """The project in the current folder at a scale, by default at the one that params.yaml names.

    Raises:
        EsrError: there is no such scale, or params.yaml is not valid.
    """
    graph = read_graph()
    if scale is not None:
        scales = graph.params.get("scales")
        if isinstance(scales, dict) and scale not in scales:
            raise EsrError(f"scale {short(scale) or '(empty)'} is not in scales; there are: {some(scales, scale)}")
        graph = Graph({**graph.params, "scale": scale}, graph.templates)
    return graph, check(graph.params)


def check_entry(params: Params, entry: str) -> None:
    """Raise EsrError, naming what there is, where there is no such entry."""
    if entry not in params.entries:
        raise EsrError(f"params.yaml has no entry {short(entry)}; there are: {some(params.entries, entry)}")


def entry_stages(graph: Graph, params: Params, entry: str) -> list[Node]:
    """The stages that bear the entry's name, each after those that it needs.

    Raises:
        EsrError: there is no such entry.
    """
    check_entry(params, entry)
    return [node for node in graph.in_order() if node.key and _entry_of(params, node) == entry]


def training_stage(params: Params, node: Node, scale: Scale) -> TrainingStage | None:
    """What a stage trains at a scale; None for a stage that trains nothing."""
    row = params.row(node.kind, node.key)
    if isinstance(row, Prune):
        return _pruning(params, node, row, scale)
    if not isinstance(row, Phase):
        return None
    images = images_of(params, row.data)
    step = _step(params, node, row, scale)
    known = row.iterations or row.images_per_epoch or images
    return TrainingStage(
        node=node,
        row=row,
        schedule=shrink_phase(
            row,
            ROLES[node.kind],
            scale.training,
            images_of(params, row.data, scale) or 1,
            params.entries[row.entry].training_work,
            _times_lighter(params, node, row, scale),
        ),
        rounds=1,
        paper_iterations=paper_iterations(row, images or 1) if known else None,
        network=step.network,
        teacher=step.teacher,
    )


def _step(params: Params, node: Node, row: Phase, scale: Scale) -> Step:
    teacher = network_spec(params, row.teacher, scale) if isinstance(row, Distill) else None
    return Step(network_spec(params, f"{node.kind}/{node.key}", scale), teacher)


def _times_lighter(params: Params, node: Node, row: Phase, scale: Scale) -> float:
    """How many times lighter a phase's step is than at paper by its networks, where that decides its length.

    The import is here because it brings torch.
    """
    if scale.training.length.work is None:
        return 1.0
    from esr.weights.step_work import times_lighter

    at_paper, here = (_step(params, node, row, rule) for rule in (AT_PAPER, scale))
    return times_lighter(at_paper, here, shrink_patch(row, scale.training))


def _pruning(params: Params, node: Node, row: Prune, scale: Scale) -> TrainingStage:
    network = network_spec(params, row.from_, scale)
    return TrainingStage(
        node=node,
        row=row,
        schedule=shrink_round(row, scale.training, params.entries[row.entry].training_work),
        rounds=most_rounds(row, scale.training),
        paper_iterations=row.iterations_per_round,
        network=NetworkSpec(network.file, network.arguments, deploy=True),
        teacher=None,
    )


def network_spec(params: Params, reference: str, scale: Scale) -> NetworkSpec:
    """The network that a stage hands on, by the rows alone: pruned widths are known only when it has run."""
    kind, key = reference.split("/")
    row = params.row(kind, key)
    if isinstance(row, Import):
        return NetworkSpec(row.network, {}, deploy=True)
    if isinstance(row, FreshPhase):
        arguments = thin_teacher(row.arguments, scale.training) if kind == "teacher" else row.arguments
        return NetworkSpec(row.network, arguments)
    before = network_spec(params, row.from_, scale)
    return before if isinstance(row, Finetune) else NetworkSpec(before.file, before.arguments, deploy=True)


def _entry_of(params: Params, node: Node) -> str | None:
    return getattr(params.row(node.kind, node.key), "entry", None)
