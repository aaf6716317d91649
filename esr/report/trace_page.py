"""The trails of all rows as a page. No stage writes it, because it tells of times, machines and commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esr.report.page import templates
from esr.report.page_figures import AXES
from esr.report.trail import Trail

TEMPLATE = "trace.html.jinja"
FAULTY = 'class="poor"'
"""Stands in a page that names what does not match, and in no other: all other text is escaped."""


@dataclass(frozen=True)
class TracedRow:
    """A row: the names of the stages behind it, the last one first, and what does not match, in words."""

    key: str
    stages: Sequence[str]
    faults: Sequence[str]


def render_trace(scale: str, trails: Sequence[Trail], lines: Mapping[str, Sequence[str]], now: str) -> str:
    """The page's HTML; ``lines`` tell of each stage, by its name, and ``now`` is the time for people."""
    rows = [
        TracedRow(
            key=trail.row,
            stages=[stage.name for stage in trail.stages],
            faults=[f"{stage.name} is {', '.join(stage.faults)}" for stage in trail.stages if stage.faults],
        )
        for trail in trails
    ]
    return templates().get_template(TEMPLATE).render(scale=scale, rows=rows, stages=lines, now=now, axes=AXES)
