"""The leaderboard as a table: a row per row of ``benchmark``, as CSV, as Markdown and in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from esr.errors import EsrError
from esr.files import write_text
from esr.recipes.rows import Benchmark, Entry
from esr.report.columns import MEASURED, PUBLISHED, UNKNOWN, Column

COLUMNS = ["entry", "scale", *(column.name for column in (*MEASURED, *PUBLISHED))]
COUNTS = ["parameters", "flops", "activations", "convs"]

STAND_IN = (
    "Stand-in data: the networks were trained and scored on photographs that come with scikit-image and scikit-learn. "
    "Hold a PSNR against bicubic's on the same images, beside it; it says nothing about the published one."
)
BELOW = "below bicubic"


def leaderboard(
    entries: Mapping[str, Entry],
    rows: Mapping[str, Benchmark],
    scale: str,
    measured: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """The frame with exactly ``COLUMNS``; an unknown number is NA.

    The fastest beside its baseline comes first; rows that are not above bicubic come after all that are, as the
    challenge ranks only what passes its PSNR threshold. A published number stands in the row that bears its entry's
    name, and in no other row of that entry (a pruned variant's numbers were not published).
    """
    lines = [
        {
            "entry": key,
            "scale": scale,
            **{column.name: measured[key].get(column.name) for column in MEASURED},
            **(_published(entries[row.entry]) if key == row.entry else {}),
        }
        for key, row in rows.items()
    ]
    frame = pd.DataFrame(lines, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))
    order = pd.DataFrame({"below": ~(frame["above_bicubic"] > 0), "ratio": frame["ratio_to_baseline"]})
    order = order.sort_values(["below", "ratio"], kind="stable", na_position="last")
    return frame.loc[order.index].reset_index(drop=True)


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write the frame in full precision, unknown numbers as nothing."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def markdown(frame: pd.DataFrame, stand_in: bool) -> str:
    """The leaderboard for reading: measured and published numbers in tables of their own."""
    parts = [f"# Leaderboard, scale {frame['scale'].iloc[0]}", *([f"> {STAND_IN}"] if stand_in else [])]
    parts += ["## Measured here", _markdown_table(frame, MEASURED, mark=True), _legend(MEASURED)]
    published = frame[frame["published_on"].notna()]
    parts += ["## Published", _markdown_table(published, PUBLISHED, mark=False)]
    return "\n\n".join(parts) + "\n"


def print_leaderboard(csv: Path, stand_in: bool) -> None:
    """Print the measured part of a leaderboard that was written before."""
    try:
        frame = pd.read_csv(csv)
    except (OSError, ValueError) as error:
        raise EsrError(f"{csv} cannot be read ({error}); run the stage report") from error
    table = Table(title=f"{csv}", title_justify="left")
    table.add_column("entry")
    for column in MEASURED:
        table.add_column(column.head, justify="right")
    for _, line in frame.iterrows():
        table.add_row(str(line["entry"]), *(column.text(line[column.name]) for column in MEASURED))
    console = Console()
    console.print(table)
    if stand_in:
        console.print(STAND_IN)


def _published(entry: Entry) -> dict[str, Any]:
    printed = {f"published_{name}": value for name, value in entry.published.model_dump().items()}
    return {**printed, "published_on": entry.validation_set}


def _markdown_table(frame: pd.DataFrame, columns: Sequence[Column], mark: bool) -> str:
    lines = [
        ["entry", *(column.head for column in columns)],
        ["---", *("---:" for _ in columns)],
        *([_name(line, mark), *(column.text(line[column.name]) for column in columns)] for _, line in frame.iterrows()),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _name(line: "pd.Series[Any]", mark: bool) -> str:
    return f"{line['entry']} ({BELOW})" if mark and line["above_bicubic"] <= 0 else str(line["entry"])


def _legend(columns: Iterable[Column]) -> str:
    return "\n".join(f"* **{column.head}**: {column.about}" for column in columns) + f"\n* {UNKNOWN}: not measured."
