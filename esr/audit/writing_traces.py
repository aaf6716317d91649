"""The page with the trail of every row, written from the records of the current folder."""

import time
from pathlib import Path

from esr.audit.tracing import Tracer
from esr.audit.tracing_text import stage_lines
from esr.common.errors import printable
from esr.common.files import write_text
from esr.recipes.graph import Graph
from esr.recipes.read import Params
from esr.report.trace_page import FAULTY, render_trace
from esr.report.trace_place import trace_page
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
    page = trace_page(graph.scale)
    now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    write_text(page, render_trace(graph.scale, trails, lines, now))
    return page, trouble


def is_behind(graph: Graph) -> bool:
    """Of a finished run: whether the page names a fault, a receipt was written since it was, or there is none."""
    page = trace_page(graph.scale)
    if not page.is_file() or FAULTY in page.read_text(encoding="utf-8", errors="replace"):
        return True
    receipts = [receipt_path(node) for node in graph.nodes.values()]
    return any(path.stat().st_mtime > page.stat().st_mtime for path in receipts if path.is_file())
