"""The leaderboard as one self-contained page: it opens from a disk, loads nothing from elsewhere, and holds no date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from esr.common.files import write_text
from esr.evaluation.layers_file import LayerTimes
from esr.evaluation.metrics import Metrics
from esr.planning.recipe_cells import HEADS
from esr.recipes.rows import Benchmark, Entry
from esr.report.beside_published import Beside, beside_published
from esr.report.challenge_score import challenge_scores
from esr.report.columns import ABOUT_PUBLISHED_TIMES, MEASURED, PUBLISHED, PUBLISHED_TIMES, Column
from esr.report.curves_figure import draw_overview
from esr.report.layers_figure import told
from esr.report.leaderboard import BELOW, DOUBTS, NEEDS, NOT_PUBLISHED, ORIGINS, STAND_IN
from esr.report.page_figures import (
    AXES,
    SECTIONS,
    SIZES,
    EntryFigures,
    bicubic_levels,
    entry_figures,
    plotted,
    scores_by_year,
    tradeoffs,
)
from esr.report.pictures import Scene
from esr.report.quality_table import Standing, about, all_sets
from esr.report.scores_table import scores_tables
from esr.report.story import Story
from esr.report.svg import blank_figure, svg_file
from esr.report.tradeoff_figure import draw_tradeoff

TEMPLATE = "page.html.jinja"


@dataclass(frozen=True)
class Shown:
    """What the page shows, by the key of each row; ``frame`` gives the order.

    Attributes:
        entries: by their own keys.
        rows: of the leaderboard.
        frame: the leaderboard.
        metrics: what was measured.
        layers: of it, the time of every layer.
        stories: how each row came to be.
        quality: how each row stands on each set.
        scenes: the pictures.
        origins: where the weights come from; empty where that is the same for all.
    """

    entries: Mapping[str, Entry]
    rows: Mapping[str, Benchmark]
    frame: pd.DataFrame
    metrics: Mapping[str, Metrics]
    layers: Mapping[str, LayerTimes]
    stories: Mapping[str, Story]
    quality: Mapping[str, Sequence[Standing]]
    scenes: Sequence[Scene]
    origins: Mapping[str, str]

    @property
    def names(self) -> dict[str, str]:
        """The rows' names for people, in the order of the leaderboard."""
        keys = self.frame["entry"].tolist()
        return {key: display_name(key, self.rows[key], self.entries) for key in keys}


@dataclass(frozen=True)
class Cell:
    """A number of a table: what is read, and what the table is sorted by (nothing where it is unknown)."""

    column: Column
    text: str
    sorted_by: str


@dataclass(frozen=True)
class RowSection:
    """What the page says of a row alone."""

    story: Story
    figures: EntryFigures
    layers: str
    layers_doubt: str
    complexity: Sequence[Beside]


@dataclass(frozen=True)
class Line:
    """A row of the leaderboard, as the page shows it; a row far down has no section of its own."""

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
    section: RowSection | None


def templates() -> Environment:
    """What the pages are made from; every value is escaped."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(shown: Shown) -> str:
    """The page's HTML."""
    names, metrics = shown.names, shown.metrics
    places = enumerate(zip(names, shown.frame.iterrows(), strict=True))
    lines = [_line(shown, key, line, place < SECTIONS) for place, (key, (_, line)) in places]
    doubts = [f"{line.name} ({line.metrics.doubt})" for line in lines if line.metrics.doubt]
    return (
        templates()
        .get_template(TEMPLATE)
        .render(
            scale=shown.frame["scale"].iloc[0],
            sets={line.set: len(line.metrics.sets[0].images) for line in lines},
            quality_sets=all_sets(shown.quality[key] for key in names),
            scores_tables=scores_tables(names, metrics),
            about_quality=about(shown.quality[key] for key in names),
            needs=NEEDS.format(scale=shown.frame["scale"].iloc[0]),
            stand_in=STAND_IN if any(line.metrics.stand_in for line in lines) else "",
            scenes=shown.scenes,
            names=names,
            axes=AXES,
            sizes=list(SIZES),
            tradeoffs=tradeoffs(names, metrics),
            scores=scores_by_year(names, metrics, challenge_scores(shown.entries, shown.rows, metrics)),
            lines=lines,
            measured=MEASURED,
            published=PUBLISHED,
            published_times=PUBLISHED_TIMES,
            about_published_times=ABOUT_PUBLISHED_TIMES,
            conditions=list(dict.fromkeys(_conditions(line.metrics) for line in lines)),
            doubts=DOUBTS.format("; ".join(doubts)) if doubts else "",
            below=BELOW,
            not_published=NOT_PUBLISHED,
            origins=shown.origins,
            about_origins=ORIGINS,
            recipe_heads=HEADS,
        )
    )


def write_figures(shown: Shown, plot: Path, curves: Path) -> None:
    """Write PSNR against run time, and the curves of all rows that were trained here, as files of their own."""
    names, (axis, *_) = shown.names, AXES
    points, levels = plotted(names, shown.metrics, axis), bicubic_levels(shown.metrics)
    trained = [(name, shown.stories[key].phases) for key, name in names.items() if shown.stories[key].phases]

    def overview() -> Figure:
        return draw_overview(trained[:SECTIONS]) if trained else blank_figure(4, 1)

    write_text(plot, svg_file("plot", lambda: draw_tradeoff(points, levels, axis.label, *SIZES["wide"])))
    write_text(curves, svg_file("curves", overview))


def display_name(key: str, row: Benchmark, entries: Mapping[str, Entry]) -> str:
    """A row's name for people: its entry's title, and what the key adds to the entry's: "SlimRLFN, pruned"."""
    title = entries[row.entry].title
    return title if key == row.entry else f"{title}, {key.removeprefix(row.entry).lstrip('-').replace('-', ' ')}"


def _line(shown: Shown, key: str, line: "pd.Series[Any]", with_section: bool) -> Line:
    metrics, entry = shown.metrics[key], shown.entries[shown.rows[key].entry]
    times = _cells(line, PUBLISHED_TIMES)
    return Line(
        key=key,
        name=shown.names[key],
        year=entry.year,
        set=metrics.sets[0].name,
        below=metrics.above_bicubic < 0,
        metrics=metrics,
        measured=_cells(line, MEASURED),
        published=_cells(line, PUBLISHED) if pd.notna(line["published_on"]) else [],
        published_times=times if any(cell.sorted_by for cell in times) else [],
        quality={standing.set: standing for standing in shown.quality[key]},
        section=_section(shown, key) if with_section else None,
    )


def _section(shown: Shown, key: str) -> RowSection:
    story, layers, row = shown.stories[key], shown.layers[key], shown.rows[key]
    beside = beside_published(shown.metrics[key], shown.entries[row.entry]) if key == row.entry else []
    return RowSection(story, entry_figures(key, story, layers), told(layers), layers.doubt, beside)


def _cells(line: "pd.Series[Any]", columns: Sequence[Column]) -> list[Cell]:
    values = [line[column.name] for column in columns]
    return [
        Cell(column, column.text(value), "" if pd.isna(value) else str(value))
        for column, value in zip(columns, values, strict=True)
    ]


def _conditions(metrics: Metrics) -> str:
    """Under which conditions a run time was measured."""
    where = f"on {metrics.threads} CPU threads" if metrics.device == "CPU" else f"on {metrics.device}"
    size = f"{metrics.input_width} by {metrics.input_height}"
    out = f"{metrics.input_width * 4} by {metrics.input_height * 4}"
    return f"one image of {size} LR px, of which {out} px are made, {where}"
