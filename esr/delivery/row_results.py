"""What ran for a row: its weights, its measurements and its training, all of the present rows, code and data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.common.errors import EsrError
from esr.evaluation.metrics import Metrics, read_metrics
from esr.planning.guesses import Guess, read_guesses
from esr.planning.phases import TrainingStage, training_stage
from esr.recipes.graph import PARAMS_FILE, Graph, Node, read_graph
from esr.recipes.read import Params, check
from esr.recipes.rows import Benchmark, Entry
from esr.recipes.telling import short, some
from esr.stages.evidence import Evidence


@dataclass(frozen=True)
class RowResults:
    """A row of ``benchmark`` and what was made for it.

    Attributes:
        params: the rows.
        key: of the row.
        weights: its weights file.
        metrics: what was measured of it.
        phases: the trainings that its weights went through and those of teachers, in order; what ran.
        imports: the released checkpoints among its origins, by where they came from.
        guesses: what of these rows no factsheet says.
    """

    params: Params
    key: str
    weights: Path
    metrics: Metrics
    phases: Sequence[TrainingStage]
    imports: Sequence[str]
    guesses: Sequence[Guess]

    @property
    def row(self) -> Benchmark:
        """The row itself."""
        return self.params.benchmark[self.key]

    @property
    def entry(self) -> Entry:
        """The entry that it belongs to."""
        return self.params.entries[self.row.entry]


def row_results(name: str) -> RowResults:
    """The results of an entry, or of another row that is benchmarked, at the present scale.

    Raises:
        EsrError: there is no such row, or a stage that it is made by has not run, or not with the present rows, code
            and data.
    """
    graph = read_graph()
    params = check(graph.params)
    key = _key(params, name)
    measured = graph.find("benchmark", key)
    ancestors = {node.name for node in graph.ancestors(measured)}
    chain = [node for node in graph.in_order() if node.name in ancestors]
    _refuse_stale(graph, [*chain, measured], key)
    stages = {f"{node.kind}/{node.key}" for node in chain}
    return RowResults(
        params=params,
        key=key,
        weights=measured.weights(params.benchmark[key].from_),
        metrics=read_metrics(measured.output("metrics.json")),
        phases=[stage for node in chain if node.key and (stage := _trained(params, node))],
        imports=[params.import_[node.key].place for node in chain if node.kind == "import"],
        guesses=[guess for guess in read_guesses(PARAMS_FILE) if guess.row in stages],
    )


def _key(params: Params, name: str) -> str:
    """The row of ``benchmark`` of this name, or the one that measures the fused row of this name."""
    if name in params.benchmark:
        return name
    for key, row in params.benchmark.items():
        if row.from_ == f"fuse/{name}":
            return key
    raise EsrError(
        f"params.yaml benchmarks no entry or fused row {short(name)}; name a weights file, or one of "
        f"{some(params.benchmark, name)}"
    )


def _trained(params: Params, node: Node) -> TrainingStage | None:
    return training_stage(params, node, params.rule) if hasattr(params.row(node.kind, node.key), "entry") else None


def _refuse_stale(graph: Graph, nodes: Sequence[Node], key: str) -> None:
    evidence = Evidence(graph)
    for node in nodes:
        if not (evidence.is_current(node) or evidence.proven_by_lock(node)):
            there = any(evidence.outputs(node).values())
            told = "was made from other rows, code or data" if there else "has not run"
            raise EsrError(f"{node.name}, which {key} needs, {told}; run: snakemake --cores all {key}")
