"""What a challenge asked for is met, met when rounded, not met, or not measured; nothing else."""

import csv
import io

import pytest

from esr.recipes.rows import Entry
from tests.report.made_board import ASKED, UNKNOWN, Board, made_metrics, made_scores
from tests.report.test_page import Page


def board_with(board: Board, stand_in: bool, **sets: float | None) -> Board:
    """SlimRLFN asked for 27.6 dB on div2k-valid and 26.9 on valid-2024, with these PSNRs measured."""
    for key in list(board.rows):
        metrics = made_metrics(28.0, 150.25, 0.5, 207_774, stand_in)
        metrics["sets"] = [made_scores(name.replace("_", "-"), psnr, stand_in) for name, psnr in sets.items()]
        board.add(key, board.rows[key].entry, metrics)
    return board


def threshold(board: Board, key: str) -> str:
    (line,) = [line for line in csv.DictReader(io.StringIO(board.tables()[0])) if line["entry"] == key]
    return line["threshold"]


@pytest.mark.parametrize(
    ("stand_in", "first", "second", "expected"),
    [
        (False, 27.6, 26.9, "met"),  # as much as was asked
        (False, 27.5964, 26.9, "met when rounded"),  # what the organisers' table prints as 27.60
        (False, 27.5949, 26.9, "not met"),
        (False, 27.5964, None, "not measured"),
        (False, 27.6, None, "not measured"),
        (False, 27.5, None, "not met"),  # one set is enough to be out
        (True, 27.6, None, "not measured"),  # stand-ins, however good
        (True, 20.0, None, "not measured"),
    ],
)
def test_what_was_asked(board: Board, stand_in: bool, first: float, second: float | None, expected: str) -> None:
    board_with(board, stand_in, div2k_valid=first, valid_2024=second)
    assert threshold(board, "slimrlfn") == expected
    assert threshold(board, "rlfn") == ""  # nothing was asked of it


def test_each_set_is_shown_with_what_was_asked_there(board: Board) -> None:
    _, markdown, html = board_with(board, False, div2k_valid=27.5, set5=31.0).write_undrawn()
    expected = ["27.500; 27.60 asked: not met", "31.000", "not measured; 26.90 asked"]
    assert f"| slimrlfn | {' | '.join(expected)} |" in markdown
    assert f"| rlfn | 27.500 | 31.000 | {UNKNOWN} |" in markdown
    assert ["SlimRLFN", *expected] in Page(html).rows
    assert ["RLFN (baseline)", "27.500", "31.000", UNKNOWN] in Page(html).rows


def test_each_set_has_psnr_and_ssim_in_rgb_and_on_luma_beside_bicubic(board: Board) -> None:
    text, markdown, html = board_with(board, False, div2k_valid=27.5, set5=31.0).write_undrawn()
    for row in (
        ["bicubic", "27.50 / 0.7500", "27.50 / 0.7500"],
        ["slimrlfn", "27.50 / 0.7812", "31.00 / 0.7812"],
        ["bicubic", "29.00 / 0.8125", "29.00 / 0.8125"],
        ["slimrlfn", "30.12 / 0.8750", "30.12 / 0.8750"],
    ):
        assert f"| {' | '.join(row)} |" in markdown
        assert [row[0].replace("slimrlfn", "SlimRLFN"), *row[1:]] in Page(html).rows
    line = next(line for line in csv.DictReader(io.StringIO(text)) if line["entry"] == "slimrlfn")
    assert [line[f"{name}_set5"] for name in ("psnr", "ssim", "psnr_y", "ssim_y")] == [
        "31.0",
        "0.78125",
        "30.125",
        "0.875",
    ]


def test_a_set_without_images_has_a_column_only_where_something_was_asked(board: Board) -> None:
    text, markdown, html = board_with(board, False, div2k_valid=27.5, set5=None, valid_2024=None).write_undrawn()
    assert "set5" not in text + markdown + html
    assert "not measured; 26.90 asked" in markdown


def test_stand_ins_are_named_where_their_score_stands(board: Board) -> None:
    _, markdown, html = board_with(board, True, div2k_valid=28.0).write_undrawn()
    expected = ["28.000 on stand-ins; 27.60 asked: not measured", "not measured; 26.90 asked"]
    assert f"| slimrlfn | {' | '.join(expected)} |" in markdown
    assert ["SlimRLFN", *expected] in Page(html).rows


def test_an_assumed_threshold_is_called_so_wherever_it_is_shown(board: Board) -> None:
    board.entries["slimrlfn"] = Entry(
        title="SlimRLFN", year=2023, validation_set="x", thresholds=ASKED, thresholds_assumed="nobody printed one"
    )
    csv_text, markdown, html = board_with(board, False, div2k_valid=27.5).write_undrawn()
    expected = ["27.500; 27.60 asked (an assumption): not met", "not measured; 26.90 asked (an assumption)"]
    assert f"| slimrlfn | {' | '.join(expected)} |" in markdown
    assert ["SlimRLFN", *expected] in Page(html).rows
    for text in (markdown, html):
        assert text.count("27.60 dB on div2k-valid is an assumption: nobody printed one.") == 1  # of two rows
        assert text.count("26.90 dB on valid-2024 is an assumption: nobody printed one.") == 1
    lines = {line["entry"]: line["threshold_assumed"] for line in csv.DictReader(io.StringIO(csv_text))}
    assert lines == {"slimrlfn": "nobody printed one", "slimrlfn-pruned": "nobody printed one", "rlfn": ""}


def test_a_printed_threshold_is_not_called_an_assumption(board: Board) -> None:
    assert "assum" not in "".join(board_with(board, False, div2k_valid=27.5).write_undrawn()[1:])
