"""Hold the run in the current folder against the committed record of another one, stage by stage."""

from pathlib import Path

from esr.audit.differences import differences, of_the_machines
from esr.audit.figures import TOLERANCE, figures_of, tolerance_of
from esr.audit.run_record import RunRecord, current_receipt, read_record, record_path, write_record
from esr.audit.whereabouts import circumstances, journal_of
from esr.common.errors import EsrError
from esr.recipes.graph import Graph, Node, read_graph
from esr.recipes.read import check
from esr.report.trail import Circumstances, Difference
from esr.report.verification import FigureCompared, StageCompared, StageVerdict, Verification
from esr.stages.evidence import Evidence
from esr.stages.receipts import Receipt
from esr.stages.refusing import refuse_unfinished

IMAGES_AND_RELEASES = ("download", "crop", "join", "import")  # whose outputs are either the same or other data
TIMED = ("benchmark", "report")  # whose outputs hold run times and have other bytes whenever they are made


def verify(record: Path | None = None, psnr: float = TOLERANCE["psnr"]) -> Verification:
    """Compare what was made here with what ``record`` holds; the scale's own record if none is named.

    Args:
        record: a file that ``write`` made.
        psnr: how far a PSNR may lie from the recorded one, in dB.

    Raises:
        EsrError: there is no record, it cannot be read, or it is of another scale.
    """
    graph = read_graph()
    check(graph.params)
    place = record or record_path(graph.scale)
    recorded = read_record(place)
    if recorded.scale != graph.scale:
        raise EsrError(f"{place} is of the scale {recorded.scale}, and params.yaml names {graph.scale}; edit `scale:`")
    compared = Comparison(graph, recorded, psnr)
    return Verification(
        record=str(place),
        commit=recorded.commit,
        psnr_tolerance=psnr,
        stages=tuple(compared.stage(name) for name in recorded.stages),
        unrecorded=tuple(sorted(graph.nodes.keys() - recorded.stages.keys())),
    )


def write() -> Path:
    """Record the finished run in the current folder; gives the file.

    Raises:
        EsrError: a stage is not up to date.
    """
    graph = read_graph()
    check(graph.params)
    refuse_unfinished(graph, "a record")
    return write_record(graph, {node.name: current_receipt(node) for node in graph.nodes.values()})


class Comparison:
    """One look at the files of a graph beside a record."""

    def __init__(self, graph: Graph, record: RunRecord, psnr: float) -> None:
        self._graph, self._record, self._psnr = graph, record, psnr
        self._evidence = Evidence(graph)
        self._made = {path for stage in record.stages.values() for path in stage.outs}

    def stage(self, name: str) -> StageCompared:
        """A stage of the record, and the one of the same name here."""
        node = self._graph.nodes.get(name)
        if node is None or not self._evidence.is_current(node):
            return StageCompared(name=name, verdict="not made")
        there, here = self._record.receipt(name), current_receipt(node)
        outputs = tuple(
            path for path in sorted({*there.outs, *here.outs}) if there.outs.get(path) != here.outs.get(path)
        )
        if not outputs:
            return StageCompared(name=name, verdict="same bytes")
        figures = tuple(each for each in self._figures(node) if not each.equal)
        well = all(each.within for each in figures)
        measures = bool(self._record.stages[name].figures)
        return StageCompared(
            name=name,
            verdict=self._verdict(node, measures, well),
            parts=self._read_the_same(there, here) and (node.kind not in TIMED or bool(figures)),
            outputs=outputs,
            figures=figures,
            differences=tuple(self._differences(node, there, here)),
        )

    def _verdict(self, node: Node, measures: bool, well: bool) -> StageVerdict:
        if node.kind in IMAGES_AND_RELEASES or not well:
            return "different"
        return "within tolerance" if measures else "follows"

    def _figures(self, node: Node) -> list[FigureCompared]:
        there, here = self._record.stages[node.name].figures, figures_of(node)
        return [
            FigureCompared(
                name=name, there=there.get(name), here=here.get(name), tolerance=tolerance_of(name, self._psnr)
            )
            for name in sorted({*there, *here})
        ]

    def _read_the_same(self, there: Receipt, here: Receipt) -> bool:
        """Whether what other stages had made for it was the same on both sides."""
        return all(here.deps.get(path, md5) == md5 for path, md5 in there.deps.items() if path in self._made)

    def _differences(self, node: Node, there: Receipt, here: Receipt) -> list[Difference]:
        told = [each for each in differences(there, here) if each.name not in self._made]
        journal = journal_of(node, here)
        ran = circumstances(journal) if journal else Circumstances()
        return [*told, *of_the_machines(self._record.circumstances(node.name), ran)]
