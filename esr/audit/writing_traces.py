"""The page with the trail of every row, written from the records of the current folder."""

from pathlib import Path

from esr.audit.tracing import Tracer
from esr.audit.tracing_text import stage_lines
from esr.common.errors import printable
from esr.common.files import write_text
from esr.recipes.graph import Graph
from esr.recipes.read import Params
from esr.report.trace_page import render_trace
from esr.stages.receipts import receipt_path
from esr.tracking.finding import find_runs


def write_trace_page(graph: Graph, params: Params) -> tuple[Path, str]:
    """Write the page of the scale; gives the file, and what keeps MLflow from telling its runs, or "".

    Raises:
        EsrError: the file cannot be written.
    """
    tracer = Tracer(graph, params)
    trails = [tracer.trail(row) for row in params.benchmark]
    stages = {stage.name: stage for trail in trails for stage in trail.stages}
    runs, trouble = find_runs(stage.run for stage in stages.values())
    lines = {
        name: [printable(line) for line in stage_lines(stage, runs.get(stage.run, ""))]
        for name, stage in stages.items()
    }
    page = trace_page(graph)
    write_text(page, render_trace(graph.scale, trails, lines))
    return page, trouble


def trace_page(graph: Graph) -> Path:
    """Where the page lies: beside the leaderboard's, which links to it."""
    return Path("reports", graph.scale, "trace.html")


def is_behind(graph: Graph) -> bool:
    """Whether a stage has run since the page was written, or there is none."""
    page = trace_page(graph)
    if not page.is_file():
        return True
    receipts = [receipt_path(node) for node in graph.nodes.values()]
    return any(path.stat().st_mtime > page.stat().st_mtime for path in receipts if path.is_file())
