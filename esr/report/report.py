"""The stage ``report``: every benchmark of a scale in one leaderboard: CSV, Markdown, a page and two pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.evaluation.layers_file import LayerTimes, read_layers
from esr.evaluation.metrics import Metrics, read_metrics
from esr.recipes.rows import Benchmark, Entry
from esr.report.leaderboard import leaderboard, markdown, write_csv
from esr.report.page import Shown, render_page, write_figures
from esr.report.pictures import cut_scenes
from esr.report.quality_table import Standing, standings
from esr.report.story import Story


@dataclass(frozen=True)
class Measurements:
    """What the benchmark of a row has written."""

    metrics: Path
    crops: Path
    layers: Path


@dataclass(frozen=True)
class Reports:
    """What the stage writes: the numbers (CSV), to read (Markdown, HTML), plot and curves by themselves (SVG)."""

    csv: Path
    markdown: Path
    page: Path
    plot: Path
    curves: Path


class Numbers(NamedTuple):
    """What the tables say: what was measured, the rows in their order, and how each stands to what was asked."""

    metrics: Mapping[str, Metrics]
    frame: pd.DataFrame
    quality: Mapping[str, Sequence[Standing]]


def report(
    entries: Mapping[str, Entry],
    benchmark: Mapping[str, Benchmark],
    scale: str,
    measurements: Mapping[str, Measurements],
    stories: Mapping[str, Story],
    origins: Mapping[str, str],
    reports: Reports,
) -> None:
    """Write the leaderboard of ``scale`` from what was measured of each row of ``benchmark``, by its key.

    ``stories`` says how each row came to be; ``origins`` where its weights come from, and is empty where that is the
    same for all.

    Raises:
        EsrError: the metrics, the crops or the layers of a row are missing or cannot be used; it names the row.
    """
    numbers = rank(entries, benchmark, scale, measurements)
    layers = {key: _layers(key, measurements[key]) for key in benchmark}
    strips = {key: _there(key, measurements[key].crops, "crops") for key in benchmark}
    scenes = cut_scenes(strips, numbers.metrics, numbers.frame["entry"].tolist())
    shown = Shown(entries, benchmark, numbers.frame, numbers.metrics, layers, stories, numbers.quality, scenes, origins)
    page = render_page(shown)
    write_tables(numbers, origins, reports.csv, reports.markdown)
    write_figures(shown, reports.plot, reports.curves)
    write_text(reports.page, page)


def rank(
    entries: Mapping[str, Entry],
    benchmark: Mapping[str, Benchmark],
    scale: str,
    measurements: Mapping[str, Measurements],
) -> Numbers:
    """The leaderboard of ``scale`` as numbers.

    Raises:
        EsrError: the metrics of a row are missing or cannot be used; it names the row.
    """
    metrics = {key: _metrics(key, measurements[key]) for key in benchmark}
    quality = {key: standings(entries[row.entry], metrics[key]) for key, row in benchmark.items()}
    return Numbers(metrics, leaderboard(entries, benchmark, scale, metrics), quality)


def write_tables(numbers: Numbers, origins: Mapping[str, str], csv: Path, readable: Path) -> None:
    """Write the leaderboard as CSV and as Markdown."""
    stand_in = any(values.stand_in for values in numbers.metrics.values())
    text = markdown(numbers.frame, numbers.quality, numbers.metrics, stand_in, origins)
    write_csv(csv, numbers.frame)
    write_text(readable, text)


def _metrics(key: str, files: Measurements) -> Metrics:
    return read_metrics(_there(key, files.metrics, "metrics"))


def _layers(key: str, files: Measurements) -> LayerTimes:
    return read_layers(_there(key, files.layers, "layers"))


def _there(key: str, path: Path, what: str) -> Path:
    if not path.is_file():
        raise EsrError(f"benchmark.{key}: its {what} {path} are missing; run python -m esr benchmark {key}")
    return path
