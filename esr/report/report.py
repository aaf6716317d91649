"""The stage ``report``: every benchmark of a scale in one leaderboard, as CSV, Markdown and a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esr.errors import EsrError
from esr.files import read_json, write_text
from esr.recipes.rows import Benchmark, Entry
from esr.report.leaderboard import leaderboard, markdown, write_csv
from esr.report.page import render_page


def report(
    entries: Mapping[str, Entry],
    benchmark: Mapping[str, Benchmark],
    scale: str,
    metrics: Mapping[str, Path],
    crops: Mapping[str, Path],
    leaderboard_csv: Path,
    leaderboard_md: Path,
    page: Path,
) -> None:
    """Write the leaderboard of ``scale`` from the metrics and crops of each row of ``benchmark``, by the row's key.

    Raises:
        EsrError: the metrics or the crops of a row are missing or cannot be read.
    """
    measured = {key: _measured(key, metrics) for key in benchmark}
    frame = leaderboard(entries, benchmark, scale, measured)
    write_csv(leaderboard_csv, frame)
    write_text(leaderboard_md, markdown(frame, any(values.get("stand_in") for values in measured.values())))
    write_text(page, render_page(entries, benchmark, frame, measured, crops))


def _measured(key: str, metrics: Mapping[str, Path]) -> dict[str, Any]:
    path = metrics.get(key)
    if path is None or not path.is_file():
        raise EsrError(f"benchmark.{key}: {path or 'its metrics'} is missing; run python -m esr benchmark {key}")
    values: dict[str, Any] = read_json(path)
    return values
