"""Printed run times beside a baseline's of the same machine.

Ratios by hand: 13.36 / 13.56 = 0.98525, 13.53 / 13.69 = 0.98831, 13.19 / 13.44 = 0.98140.
"""

import csv
import io
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.read import check
from esr.recipes.rows import Entry, Published
from tests.report.made_board import RFDN, UNKNOWN, Board, made_metrics
from tests.report.test_leaderboard import rows
from tests.report.test_page import Page

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
TIMED = Published(
    psnr_valid=26.90,
    psnr_valid_also=26.96,
    runtime_ms=13.36,
    runtime_valid_ms=13.53,
    runtime_test_ms=13.19,
    runtime_on="RTX 3090",
    baseline="RLFN",
    baseline_ms=13.56,
    baseline_valid_ms=13.69,
    baseline_test_ms=13.44,
)
PREFIX = "published_ratio_to_baseline"


def timed(board: Board, published: Published) -> Board:
    board.entries["slimrlfn"] = Entry(title="SlimRLFN", year=2024, validation_set="x", published=published)
    return board


def in_csv(board: Board, key: str) -> dict[str, str]:
    (line,) = [line for line in csv.DictReader(io.StringIO(board.tables()[0])) if line["entry"] == key]
    return line


def test_ratios_are_those_of_the_printed_times(board: Board) -> None:
    line = in_csv(timed(board, TIMED), "slimrlfn")
    assert float(line[PREFIX]) == pytest.approx(0.98525, abs=5e-6)
    assert float(line[f"{PREFIX}_valid"]) == pytest.approx(0.98831, abs=5e-6)
    assert float(line[f"{PREFIX}_test"]) == pytest.approx(0.98140, abs=5e-6)
    assert line["ratio_to_baseline"] == "0.5"  # what was measured stays where it was
    assert [in_csv(board, "slimrlfn-pruned")[name] for name in (PREFIX, "published_baseline")] == ["", ""]


@pytest.mark.parametrize(
    ("printed_for", "measured"),
    [
        ("RFDN", "2.5"),
        pytest.param("RLFN", "9.5", marks=pytest.mark.slow),
        pytest.param("EDSR", "", marks=pytest.mark.slow),
    ],  # the last one is not among those that were timed
)
def test_beside_a_printed_ratio_stands_the_one_measured_to_the_same_baseline(
    board: Board, printed_for: str, measured: str
) -> None:
    """A network that is 9.5 times as slow as RLFN and 2.5 times as slow as RFDN, the baseline of its year."""
    timed(board, Published(runtime_ms=59.31, baseline=printed_for, baseline_ms=24.27))
    for key in ("slimrlfn", "slimrlfn-pruned"):
        board.add(key, "slimrlfn", made_metrics(27.75, 1520.0, 9.5, 207_774, year_ratio=2.5), year_baseline=RFDN)
    line, pruned = in_csv(board, "slimrlfn"), in_csv(board, "slimrlfn-pruned")
    assert line["ratio_to_published_baseline"] == measured
    assert [line[name] for name in ("ratio_to_baseline", "ratio_to_year_baseline", "year_baseline")] == [
        *("9.5", "2.5", "RFDN")
    ]
    assert (pruned["ratio_to_year_baseline"], pruned["ratio_to_published_baseline"]) == ("2.5", "")
    _, markdown, html = board.write_undrawn()
    assert rows(markdown)["Measured here: slimrlfn"][6:12] == ["9.500", "9.352", "9.648", "slower", "2.500", "RFDN"]
    (line_of_page,) = [row for row in Page(html).rows if row[0] == "SlimRLFNslimrlfn"]
    assert (line_of_page[7], *line_of_page[11:13]) == ("9.500", "2.500", "RFDN")


def test_a_time_without_its_baseline_s_has_no_ratio(board: Board) -> None:
    line = in_csv(timed(board, Published(runtime_ms=13.36, baseline="RLFN", baseline_valid_ms=13.69)), "slimrlfn")
    assert [line[PREFIX + what] for what in ("", "_valid", "_test")] == ["", "", ""]


def test_markdown_and_page_show_the_times_with_their_ratios(board: Board) -> None:
    _, markdown, html = timed(board, TIMED).write_undrawn()
    cells = [
        "RTX 3090",
        "13.36",
        "13.53",
        "13.19",
        "RLFN",
        "13.56",
        "13.69",
        "13.44",
        "0.985",
        "0.988",
        "0.981",
        "0.500",
    ]
    assert rows(markdown)["Published run times: slimrlfn"] == cells
    assert ["SlimRLFN", "2024", *cells] in Page(html).rows


def test_where_no_time_is_printed_no_table_of_times_is(board: Board) -> None:
    board.entries["rlfn"] = Entry(title="RLFN", year=2024, validation_set="x", published=Published(psnr_valid=26.96))
    _, markdown, html = board.write_undrawn()
    assert "Published run times" not in markdown + html


def test_two_numbers_of_one_sheet_are_both_shown(board: Board) -> None:
    _, markdown, html = timed(board, TIMED).write_undrawn()
    assert rows(markdown)["Published: slimrlfn"][:4] == ["x", "26.90", "26.96", UNKNOWN]
    assert any(row[:5] == ["SlimRLFN", "2024", "x", "26.90", "26.96"] for row in Page(html).rows)


@pytest.mark.parametrize(
    ("published", "told"),
    [
        ({"baseline_ms": 13.56}, "entries.rlfn.published: baseline names the network of baseline_ms"),
        ({"baseline": "RLFN"}, "entries.rlfn.published: baseline names the network of baseline_ms"),
        ({"baseline": "RLFN", "baseline_ms": 0.0}, "entries.rlfn.published.baseline_ms: "),
    ],
)
def test_a_baseline_has_a_name_and_a_time(published: dict[str, object], told: str) -> None:
    params = read_yaml(PARAMS)
    params["entries"]["rlfn"]["published"] = published
    with pytest.raises(EsrError, match=told):
        check(params)
