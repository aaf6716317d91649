"""The leaderboard as one self-contained page: it opens from a disk, loads nothing from elsewhere, and holds no date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from esr.evaluation.metrics import Metrics
from esr.recipes.rows import Benchmark, Entry
from esr.report.columns import ABOUT_PUBLISHED_TIMES, MEASURED, PUBLISHED, PUBLISHED_TIMES, Column
from esr.report.crops import CropRow
from esr.report.figure import PlottedEntry, psnr_against_ratio
from esr.report.leaderboard import BELOW, DOUBTS, NEEDS, NOT_PUBLISHED, ORIGINS, STAND_IN
from esr.report.quality_table import Standing, about, all_sets
from esr.report.scores_table import scores_tables

TEMPLATE = "page.html.jinja"
PLOTS = {"wide": (9.4, 4.2), "narrow": (4.6, 4.6)}  # inches, for a desk and for a phone


@dataclass(frozen=True)
class Cell:
    """A number of a table: what is read, and what the table is sorted by (nothing where it is unknown)."""

    column: Column
    text: str
    sorted_by: str


@dataclass(frozen=True)
class Line:
    """A row of the leaderboard, as the page shows it."""

    key: str
    name: str
    year: int
    set: str
    below: bool
    metrics: Metrics
    measured: list[Cell]
    published: list[Cell]
    published_times: list[Cell]
    quality: Mapping[str, Standing]
    crops: Sequence[CropRow]


def render_page(
    entries: Mapping[str, Entry],
    rows: Mapping[str, Benchmark],
    frame: pd.DataFrame,
    metrics: Mapping[str, Metrics],
    quality: Mapping[str, Sequence[Standing]],
    crops: Mapping[str, Sequence[CropRow]],
    origins: Mapping[str, str],
) -> str:
    """The page's HTML, in the order of ``frame``; metrics, quality, crops and origins by the key of the row."""
    lines = [
        _line(line, rows[key], entries, metrics[key], quality[key], crops[key])
        for key, (_, line) in zip(frame["entry"].tolist(), frame.iterrows(), strict=True)
    ]
    doubts = [f"{line.name} ({line.metrics.doubt})" for line in lines if line.metrics.doubt]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        scale=frame["scale"].iloc[0],
        sets={line.set: len(line.metrics.sets[0].images) for line in lines},
        quality_sets=all_sets(quality[line.key] for line in lines),
        scores_tables=scores_tables({line.key: line.name for line in lines}, metrics),
        about_quality=about(quality[line.key] for line in lines),
        needs=NEEDS.format(scale=frame["scale"].iloc[0]),
        stand_in=STAND_IN if any(line.metrics.stand_in for line in lines) else "",
        plots={name: Markup(_plot(lines, *size)) for name, size in PLOTS.items()},
        lines=lines,
        measured=MEASURED,
        published=PUBLISHED,
        published_times=PUBLISHED_TIMES,
        about_published_times=ABOUT_PUBLISHED_TIMES,
        conditions=list(dict.fromkeys(_conditions(line.metrics) for line in lines)),
        doubts=DOUBTS.format("; ".join(doubts)) if doubts else "",
        below=BELOW,
        not_published=NOT_PUBLISHED,
        origins=origins,
        about_origins=ORIGINS,
    )


def display_name(key: str, row: Benchmark, entries: Mapping[str, Entry]) -> str:
    """A row's name for people: its entry's title, and what the key adds to the entry's: "SlimRLFN, pruned"."""
    title = entries[row.entry].title
    return title if key == row.entry else f"{title}, {key.removeprefix(row.entry).lstrip('-').replace('-', ' ')}"


def _line(
    line: "pd.Series[Any]",
    row: Benchmark,
    entries: Mapping[str, Entry],
    metrics: Metrics,
    quality: Sequence[Standing],
    crops: Sequence[CropRow],
) -> Line:
    key = str(line["entry"])
    times = _cells(line, PUBLISHED_TIMES)
    return Line(
        key=key,
        name=display_name(key, row, entries),
        year=entries[row.entry].year,
        set=metrics.sets[0].name,
        below=metrics.above_bicubic < 0,
        metrics=metrics,
        measured=_cells(line, MEASURED),
        published=_cells(line, PUBLISHED) if pd.notna(line["published_on"]) else [],
        published_times=times if any(cell.sorted_by for cell in times) else [],
        quality={standing.set: standing for standing in quality},
        crops=crops,
    )


def _cells(line: "pd.Series[Any]", columns: Sequence[Column]) -> list[Cell]:
    values = [line[column.name] for column in columns]
    return [
        Cell(column, column.text(value), "" if pd.isna(value) else str(value))
        for column, value in zip(columns, values, strict=True)
    ]


def _plot(lines: Sequence[Line], width: float, height: float) -> str:
    points = [PlottedEntry(line.name, line.metrics.to_baseline, line.metrics.psnr, not line.below) for line in lines]
    return psnr_against_ratio(points, {line.set: line.metrics.bicubic for line in lines}, width, height)


def _conditions(metrics: Metrics) -> str:
    """Under which conditions a run time was measured."""
    where = f"on {metrics.threads} CPU threads" if metrics.device == "CPU" else f"on {metrics.device}"
    size = f"{metrics.input_width} by {metrics.input_height}"
    out = f"{metrics.input_width * 4} by {metrics.input_height * 4}"
    return f"one image of {size} LR px, of which {out} px are made, {where}"
