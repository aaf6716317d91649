"""How a row of the leaderboard came to be: its recipe, its curves, its fusion, and the stages that made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from esr.common.files import md5_of
from esr.compression.fusion_file import FusionCheck, read_fusion
from esr.planning.guesses import read_guesses, told_guesses
from esr.planning.phases import training_stage
from esr.planning.recipe_cells import recipe_cells
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params
from esr.report.history import CURVE, ROUNDS, PhaseCurve, PruneRound, read_phase, read_rounds_of_pruning
from esr.report.lineage import lineage, with_teachers

FUSION = "fusion.json"


@dataclass(frozen=True)
class MadeFile:
    """A file that a stage made, by its name, and its md5, by which DVC and the receipts know it."""

    name: str
    md5: str


@dataclass(frozen=True)
class MadeBy:
    """A stage that a row's numbers come from: its name, the command that runs it, and what it made."""

    name: str
    command: str
    files: Sequence[MadeFile]


@dataclass(frozen=True)
class Story:
    """How a row came to be.

    Attributes:
        recipe: the phases as ``esr recipe`` tells them, cell by cell; what ran stands behind an arrow.
        guesses: what no factsheet says of them, a line each.
        phases: the curves of the phases, in their order, without those of a teacher.
        pruning: the rounds of the pruning, if there was one.
        fusion: by how much fusing changed the output; None where no row of `fuse` made the weights.
        stages: that the row's numbers come from, the first one first.
    """

    recipe: Sequence[Sequence[str]] = ()
    guesses: Sequence[str] = ()
    phases: Sequence[PhaseCurve] = ()
    pruning: Sequence[PruneRound] = ()
    fusion: FusionCheck | None = None
    stages: Sequence[MadeBy] = ()


def stories(graph: Graph, params: Params, params_file: Path) -> dict[str, Story]:
    """The story of each row of `benchmark`, by its key.

    Args:
        graph: whose stages have made their outputs.
        params: what the graph was made from.
        params_file: the same as a file, for the marks in its comments; like all comments, they make nothing stale.

    Raises:
        EsrError: a curve, or what fusing told, cannot be read.
    """
    guesses = read_guesses(params_file)
    found = {}
    for key, row in params.benchmark.items():
        chain = lineage(params, row.from_)
        stages = with_teachers(params, chain)
        nodes = [graph.find(*stage.split("/")) for stage in stages]
        training = [stage for node in nodes if (stage := training_stage(params, node, params.rule))]
        found[key] = Story(
            recipe=[recipe_cells(stage) for stage in training],
            guesses=told_guesses(row.entry, params.entries[row.entry], stages, guesses, len(training)),
            phases=_phases(graph, chain, row.entry),
            pruning=_pruning(graph, chain),
            fusion=_fusion(graph, row.from_),
            stages=[_made_by(node) for node in [*nodes, graph.find("benchmark", key)]],
        )
    return found


def _phases(graph: Graph, chain: Sequence[str], entry: str) -> list[PhaseCurve]:
    curves = {stage: path for stage in chain if (path := _output(graph, stage, CURVE))}
    return [read_phase(stage.split("/")[1].removeprefix(f"{entry}-"), path) for stage, path in curves.items()]


def _pruning(graph: Graph, chain: Sequence[str]) -> list[PruneRound]:
    paths = [path for stage in chain if stage.startswith("prune/") and (path := _output(graph, stage, ROUNDS))]
    return [each for path in paths for each in read_rounds_of_pruning(path)]


def _fusion(graph: Graph, stage: str) -> FusionCheck | None:
    path = _output(graph, stage, FUSION)
    return read_fusion(path) if path else None


def _output(graph: Graph, stage: str, file_name: str) -> Path | None:
    node = graph.find(*stage.split("/"))
    return next((Path(path) for path in node.out_paths if PurePosixPath(path).name == file_name), None)


def _made_by(node: Node) -> MadeBy:
    files = [MadeFile(PurePosixPath(path).name, md5_of(Path(path))) for path in node.out_paths]
    return MadeBy(node.name, node.command, files)
