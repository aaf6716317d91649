"""The leaderboard as a table: a row per row of ``benchmark``, as CSV, as Markdown and in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from esr.common.errors import EsrError
from esr.common.files import write_text
from esr.evaluation.metrics import Metrics
from esr.recipes.rows import Benchmark, Entry, Published
from esr.report.challenge_score import challenge_scores, network_name
from esr.report.columns import ABOUT_PUBLISHED_TIMES, MEASURED, PUBLISHED, PUBLISHED_TIMES, UNKNOWN, Column
from esr.report.quality_table import Standing, about, all_sets, standings, verdict
from esr.report.scores_table import ScoresTable, scores_tables

PRINTED = tuple(Published.model_fields)
RATIOS = tuple(Published().ratios)
CSV_COLUMNS = [
    *("entry", "scale"),
    *(column.name for column in MEASURED),
    *("threshold", "threshold_assumed"),
    *(f"published_{name}" for name in (*PRINTED, *RATIOS)),
    *("published_on", "ratio_to_published_baseline"),
]
ON_EACH_SET = ("psnr", "ssim", "psnr_y", "ssim_y")
COUNTS = ("rank", "parameters", "flops", "activations", "convs", "published_convs")
IN_TERMINAL = (
    *("rank", "psnr", "above_bicubic", "ratio_to_baseline"),
    *("ratio_to_baseline_low", "ratio_to_baseline_high", "parameters"),
)

BELOW = "below bicubic"
NEEDS = (
    "A network below bicubic was trained too short at this scale: raise scales.{scale}.training.length in params.yaml, "
    "or run a larger scale."
)
DOUBTS = "Do not believe these run times: {}."
CANNOT_TELL = "Run times from which nothing can be told: {}; the page says why."
NOT_PUBLISHED = "not published"
ORIGINS = "Released, and trained here"
STAND_IN = (
    "Stand-in data: a set that is marked so holds other photographs than its name says. "
    "Compare a PSNR on it with bicubic's on the same images, beside it, never with a published one."
)


def leaderboard(
    entries: Mapping[str, Entry], rows: Mapping[str, Benchmark], scale: str, metrics: Mapping[str, Metrics]
) -> pd.DataFrame:
    """A frame with exactly ``CSV_COLUMNS``, and ``ON_EACH_SET`` of every set that has images; an unknown number is NA.

    The fastest beside its baseline comes first, as run time weighs most in the challenge's score; a rank counts the
    networks whose interval ends before its own begins. Rows below bicubic come after all others, as the challenge ranks
    only what passes its PSNR threshold. What was published stands in the row that bears its entry's name and in no
    other row of that entry: nobody printed numbers for those. ``score`` is by the rule of the entry's year.
    ``threshold`` says whether the PSNR is met that the challenge of that year asked for, ``threshold_assumed`` why that
    PSNR is an assumption, if it is one.
    """
    scores = challenge_scores(entries, rows, metrics)
    lines = [
        {
            "entry": key,
            "scale": scale,
            "rank": _rank(metrics[key], [metrics[other] for other in rows]),
            **metrics[key].model_dump(include={column.name for column in MEASURED}),
            "score": scores[key].value if key in scores else None,
            "score_rule": scores[key].rule if key in scores else None,
            "year_baseline": network_name(row.year_baseline),
            "threshold": verdict(standings(entries[row.entry], metrics[key])),
            "threshold_assumed": entries[row.entry].thresholds_assumed,
            **(_published(entries[row.entry], row, metrics[key]) if key == row.entry else {}),
            **_on_each_set(metrics[key]),
        }
        for key, row in rows.items()
    ]
    columns = dict.fromkeys([*CSV_COLUMNS, *(name for key in rows for name in _on_each_set(metrics[key]))])
    frame = pd.DataFrame(lines, columns=list(columns)).astype(dict.fromkeys(COUNTS, "Int64"))
    order = pd.DataFrame({"below": frame["above_bicubic"] < 0, "ratio": frame["ratio_to_baseline"]})
    order = order.sort_values(["below", "ratio"], kind="stable")
    return frame.loc[order.index].reset_index(drop=True)


def _rank(metrics: Metrics, of: Iterable[Metrics]) -> int | None:
    """One more than there are networks that are faster beyond doubt; None for a network below bicubic."""
    if metrics.above_bicubic < 0:
        return None
    rivals = [other for other in of if other.above_bicubic >= 0]
    return 1 + sum(other.ratio_to_baseline_high < metrics.ratio_to_baseline_low for other in rivals)


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write the frame in full precision, an unknown number as nothing."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def markdown(
    frame: pd.DataFrame,
    quality: Mapping[str, Sequence[Standing]],
    metrics: Mapping[str, Metrics],
    stand_in: bool,
    origins: Mapping[str, str],
) -> str:
    """The leaderboard for reading, with what is measured and what was published in tables of their own.

    Args:
        frame: the leaderboard.
        quality: how each row stands on each set, by the row's key.
        metrics: what was measured, by key.
        stand_in: whether to say that the data are stand-ins.
        origins: where each row's weights come from, by its key; empty where that goes without saying.
    """
    doubts = [f"{key} ({values.doubt})" for key, values in metrics.items() if values.doubt]
    names = [
        f"{line['entry']} ({BELOW})" if line["above_bicubic"] < 0 else line["entry"] for _, line in frame.iterrows()
    ]
    published = frame.assign(published_on=frame["published_on"].astype(object).fillna(NOT_PUBLISHED))
    scale = frame["scale"].iloc[0]
    parts = [
        f"# Leaderboard at scale {scale}",
        *([f"> {STAND_IN}"] if stand_in else []),
        "## Measured here",
        _markdown_table(frame, MEASURED, names),
        *([NEEDS.format(scale=scale)] if (frame["above_bicubic"] < 0).any() else []),
        *([DOUBTS.format("; ".join(doubts))] if doubts else []),
        "\n".join(f"* {column.head}: {column.about}" for column in MEASURED),
        *_origins(frame["entry"].tolist(), origins),
        "## Quality, set by set",
        about(quality[key] for key in frame["entry"]),
        _quality_table(frame["entry"].tolist(), quality),
        "## PSNR (dB) / SSIM, set by set",
        *map(_scores_table, scores_tables({key: key for key in frame["entry"]}, metrics)),
        "## Published",
        "As the factsheets and the organisers' reports print them: other data, other machines.",
        _markdown_table(published, PUBLISHED, frame["entry"].tolist()),
        *_published_times(frame),
    ]
    return "\n\n".join(parts) + "\n"


def print_leaderboard(csv: Path, stand_in: bool) -> None:
    """Print what is measured of a leaderboard that was written as ``csv``.

    Raises:
        EsrError: the file is missing or no leaderboard.
    """
    try:
        frame = pd.read_csv(csv)[["entry", "verdict", *IN_TERMINAL]]
    except (OSError, ValueError, KeyError) as error:
        raise EsrError(f"{csv} is not a leaderboard ({error}); run the stage report") from error
    _print(frame, stand_in)


def print_rows(
    entries: Mapping[str, Entry], rows: Mapping[str, Benchmark], scale: str, metrics: Mapping[str, Metrics]
) -> None:
    """Print the leaderboard of ``rows``, while there is no report yet because others are not finished."""
    _print(leaderboard(entries, rows, scale, metrics), any(values.stand_in for values in metrics.values()))


def _print(frame: pd.DataFrame, stand_in: bool) -> None:
    columns = [column for column in MEASURED if column.name in IN_TERMINAL]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("entry", no_wrap=True)
    for column in columns:
        head = column.title.replace(" ", "\n", 1) + (f"\n({column.unit})" if column.unit else "")
        table.add_column(head, justify="right", no_wrap=True)
    for _, line in frame.iterrows():
        style = "yellow" if line["above_bicubic"] < 0 else ""
        table.add_row(line["entry"], *(column.text(line[column.name]) for column in columns), style=style)
    console = Console(highlight=False)
    console.print(table)
    beside_1 = (frame["ratio_to_baseline_high"] < 1) | (frame["ratio_to_baseline_low"] > 1)
    if doubtful := frame.loc[beside_1 & (frame["verdict"] == "cannot tell"), "entry"].tolist():
        console.print(CANNOT_TELL.format(", ".join(doubtful)))  # their intervals look as if they told something
    if stand_in:
        console.print(STAND_IN)


def _published(entry: Entry, row: Benchmark, metrics: Metrics) -> dict[str, Any]:
    """The published values, and beside the published ratio the measured one to the same baseline."""
    values = {**entry.published.model_dump(), **entry.published.ratios}
    measured = {
        network_name(row.year_baseline): metrics.ratio_to_year_baseline,
        network_name(row.baseline): metrics.ratio_to_baseline,
    }
    return {
        **{f"published_{name}": value for name, value in values.items()},
        "published_on": entry.validation_set,
        "ratio_to_published_baseline": measured.get(entry.published.baseline or ""),
    }


def _on_each_set(metrics: Metrics) -> dict[str, float]:
    """Such as ``psnr_y_set5``: a column of the CSV for each score of each set."""
    return {
        f"{name}_{each.name}": getattr(each.mean, name) for each in metrics.sets if each.mean for name in ON_EACH_SET
    }


def _origins(keys: Sequence[str], origins: Mapping[str, str]) -> list[str]:
    if not origins:
        return []
    return [f"## {ORIGINS}", "\n".join(f"* {key}: {origins[key]}" for key in keys)]


def _published_times(frame: pd.DataFrame) -> list[str]:
    timed = frame.dropna(subset=[column.name for column in PUBLISHED_TIMES], how="all")
    if timed.empty:
        return []
    table = _markdown_table(timed, PUBLISHED_TIMES, timed["entry"].tolist())
    return ["## Published run times", ABOUT_PUBLISHED_TIMES, table]


def _quality_table(keys: Sequence[str], quality: Mapping[str, Sequence[Standing]]) -> str:
    sets = all_sets(quality[key] for key in keys)
    rows = [
        [key, *({each.set: each.text for each in quality[key]}.get(name, UNKNOWN) for name in sets)] for key in keys
    ]
    return _table(["entry", *(f"{name} (dB)" for name in sets)], rows)


def _scores_table(table: ScoresTable) -> str:
    rows = [[name, *(pair.text if pair else UNKNOWN for pair in pairs)] for name, pairs in table.rows.items()]
    return f"{table.title}: {table.about}\n\n{_table(['entry', *table.sets], rows)}"


def _markdown_table(frame: pd.DataFrame, columns: Sequence[Column], names: Sequence[str]) -> str:
    rows = [
        [name, *(column.text(line[column.name]) for column in columns)]
        for name, (_, line) in zip(names, frame.iterrows(), strict=True)
    ]
    return _table(["entry", *(column.head for column in columns)], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
