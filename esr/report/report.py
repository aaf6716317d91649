"""The stage ``report``: every benchmark of a scale in one leaderboard, as CSV, as Markdown and as a page."""

from collections.abc import Mapping
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.evaluation.metrics import Metrics, read_metrics
from esr.recipes.rows import Benchmark, Entry
from esr.report.crops import CropRow, cut_crops
from esr.report.leaderboard import leaderboard, markdown, write_csv
from esr.report.page import render_page
from esr.report.quality_table import standings


def report(
    entries: Mapping[str, Entry],
    benchmark: Mapping[str, Benchmark],
    scale: str,
    metrics: Mapping[str, Path],
    crops: Mapping[str, Path],
    origins: Mapping[str, str],
    leaderboard_csv: Path,
    leaderboard_md: Path,
    page: Path,
) -> None:
    """Write the leaderboard of ``scale`` from the metrics and the crops of each row of ``benchmark``, by its key.

    ``origins`` says where each row's weights come from; it is empty where that is the same for all.

    Raises:
        EsrError: the metrics or the crops of a row are missing or cannot be used; it names the row.
    """
    measured = {key: _metrics(key, metrics) for key in benchmark}
    cut = {key: _crops(key, crops, measured[key]) for key in benchmark}
    frame = leaderboard(entries, benchmark, scale, measured)
    quality = {key: standings(entries[row.entry], measured[key]) for key, row in benchmark.items()}
    write_csv(leaderboard_csv, frame)
    stand_in = any(values.stand_in for values in measured.values())
    write_text(leaderboard_md, markdown(frame, quality, measured, stand_in, origins))
    write_text(page, render_page(entries, benchmark, frame, measured, quality, cut, origins))


def _metrics(key: str, paths: Mapping[str, Path]) -> Metrics:
    return read_metrics(_file(key, paths, "metrics"))


def _crops(key: str, paths: Mapping[str, Path], metrics: Metrics) -> list[CropRow]:
    return cut_crops(_file(key, paths, "crops"), metrics)


def _file(key: str, paths: Mapping[str, Path], what: str) -> Path:
    path = paths.get(key)
    if path is None or not path.is_file():
        raise EsrError(f"benchmark.{key}: its {what} {path or ''} are missing; run python -m esr benchmark {key}")
    return path
