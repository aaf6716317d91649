"""The score by the rule of an entry's own year: 2024 to 2026 by formula, 2023 by ranks, other years not at all."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from esr.common.yaml_file import read_yaml
from esr.recipes.rows import Entry
from tests.report.made_board import RFDN, Board, made_metrics


def scores(board: Board) -> dict[str, tuple[str, str]]:
    return {
        line["entry"]: (line["score"], line["score_rule"]) for line in csv.DictReader(io.StringIO(board.tables()[0]))
    }


def of_year(board: Board, year: int, year_baseline: str, **metrics: Any) -> tuple[str, str]:
    """The score of one network of a year, which has the FLOPs and parameters of 2026's baseline and half its time."""
    board.rows.clear()
    board.entries["one"] = Entry(title="One", year=year, validation_set="x")
    made = made_metrics(28.0, 100.0, 3.0, 151_000, year_ratio=0.5) | {"flops": 9_830_000_000} | metrics
    board.add("one", "one", made, year_baseline=year_baseline)
    return scores(board)["one"]


def test_an_entry_is_scored_by_its_own_years_formula_and_baseline(board: Board) -> None:
    score, rule = of_year(board, 2026, "esr/networks/span.py")
    assert rule == "2026's formula"
    assert float(score) == pytest.approx(0.8 * 2.718281828 + 0.2 * 7.389056099)
    score, rule = of_year(board, 2025, "networks/efdn.py", flops=16_700_000_000, parameters=276_000)
    assert rule == "2025's formula"
    assert float(score) == pytest.approx(0.7 * 2.718281828 + 0.3 * 7.389056099)


@pytest.mark.parametrize(
    ("year", "baseline"),
    [(2026, "esr/networks/rlfn.py"), (2022, "esr/networks/rfdn.py")],  # another network than SPAN; no formula
)
def test_there_is_no_score_without_the_years_own_baseline_or_a_formula(board: Board, year: int, baseline: str) -> None:
    assert of_year(board, year, baseline) == ("", "")


BASELINES = {2023: "rfdn", 2024: "rlfn", 2026: "span"}  # as each year's README names it
ROOT = Path(__file__).resolve().parents[2]


def rows_of(file: str) -> dict[str, Any]:
    """The rows of a params.yaml, or those that a page gives as an example."""
    if not file.endswith(".md"):
        return dict(read_yaml(ROOT / file))
    (example,) = re.findall(r"```yaml\n# params.yaml\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)
    return dict(yaml.safe_load(example))


@pytest.mark.parametrize("file", ["params.yaml", "released/params.yaml", "docs/adding-an-entry.md"])
def test_every_row_is_timed_beside_the_baseline_of_its_year(file: str) -> None:
    """Another one would leave its score empty."""
    rows = rows_of(file)
    years = {key: rows["entries"][row["entry"]]["year"] for key, row in rows["benchmark"].items()}
    beside = {key: Path(row["year_baseline"]).stem for key, row in rows["benchmark"].items()}
    scored = {key for key, year in years.items() if year in BASELINES}
    assert scored
    assert {key: beside[key] for key in scored} == {key: BASELINES[years[key]] for key in scored}


def with_two_of_2023(board: Board, memory_mb: float | None) -> Board:
    for key, ratio, parameters in (("small", 0.5, 100_000), ("fast", 0.25, 400_000)):
        board.entries[key] = Entry(title=key, year=2023, validation_set="DIV2K_valid")
        made = made_metrics(28.0, 100.0, ratio, parameters) | {"memory_mb": memory_mb}
        board.add(key, key, made, year_baseline=RFDN)
    return board


def test_entries_of_2023_are_ranked_among_each_other(board: Board) -> None:
    """Of five ranks, run time is better in one, parameters in the other; the rest are equal and shared."""
    found = scores(with_two_of_2023(board, 64.0))
    assert found["small"] == found["fast"] == ("6.0", "2023's ranks, assumed")
    assert "| 6 | 2023's ranks, assumed |" in board.tables()[1]


def test_2023_is_not_ranked_where_memory_is_unknown(board: Board) -> None:
    assert scores(with_two_of_2023(board, None))["small"] == ("", "")
