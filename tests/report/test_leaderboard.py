import csv
import io
import re
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.recipes.rows import Entry, Published
from esr.report.columns import milliseconds
from esr.report.leaderboard import print_leaderboard
from tests.report.made_board import MINUS, UNKNOWN, Board, made_metrics

HEAD = (
    "entry,scale,rank,psnr,bicubic,above_bicubic,ssim,time_ms,ratio_to_baseline,ratio_to_baseline_low,"
    "ratio_to_baseline_high,verdict,ratio_to_year_baseline,year_baseline,"
    "score,score_rule,parameters,flops,activations,convs,memory_mb,threshold,threshold_assumed,published_psnr_valid,published_psnr_valid_also,published_psnr_test,published_ssim_valid,"
    "published_ssim_test,published_runtime_ms,published_runtime_valid_ms,published_runtime_test_ms,"
    "published_runtime_on,published_baseline,published_baseline_ms,published_baseline_valid_ms,"
    "published_baseline_test_ms,published_parameters_m,published_flops_g,published_activations_m,published_memory_mb,"
    "published_convs,published_ratio_to_baseline,published_ratio_to_baseline_valid,published_ratio_to_baseline_test,"
    "published_on,ratio_to_published_baseline,"
    "psnr_div2k-valid,ssim_div2k-valid,psnr_y_div2k-valid,ssim_y_div2k-valid"
)
PRUNED = (
    "slimrlfn-pruned,demo,1,27.625,27.5,0.125,0.78125,140.125,0.46875,0.46142578125,0.47607421875,faster,0.46875,RLFN,"
    "2.8155,2024's formula,197134,11991174144,74061504,51,64.25,not measured,"
    ",,,,,,,,,,,,,,,,,,,,,,,,27.625,0.78125,30.125,0.875"
)
SLIM = (
    "slimrlfn,demo,2,27.75,27.5,0.25,0.78125,150.25,0.5,0.4921875,0.5078125,faster,0.5,RLFN,"
    "2.9669,2024's formula,207774,11991174144,74061504,51,64.25,not measured,"
    ",26.914,,27.026,,,,,,,,,,,,,,,,,,,DIV2K_LSDIR_valid,,27.75,0.78125,30.125,0.875"
)
BASE = (
    "rlfn,demo,,27.25,27.5,-0.25,0.78125,300.5,0.25,0.24609375,0.25390625,faster,0.25,RLFN,"
    "2.7717,2024's formula,317218,11991174144,74061504,51,64.25,,"
    ",26.96,,27.07,,,13.54,,,RTX 3090,,,,,0.317,19.67,,,39,,,,DIV2K_LSDIR_valid,,27.25,0.78125,30.125,0.875"
)


def test_the_csv_is_in_full_precision_and_fastest_first_but_what_is_below_bicubic_last(board: Board) -> None:
    text = re.sub(r"(?<=,RLFN,)[0-9.]+", lambda score: f"{float(score[0]):.4f}", board.tables()[0])
    assert text.splitlines() == [HEAD, PRUNED, SLIM, BASE]  # rlfn has the lowest ratio, but does not pass


def test_digits_are_neither_lost_nor_made_up(board: Board) -> None:
    board.add("slimrlfn", "slimrlfn", made_metrics(27.922129690607093, 150.25, 0.1 + 0.2, 207_774))
    (line,) = [line for line in csv.DictReader(io.StringIO(board.tables()[0])) if line["entry"] == "slimrlfn"]
    assert line["psnr"] == "27.922129690607093"
    assert line["ratio_to_baseline"] == "0.30000000000000004"


def rows(markdown: str) -> dict[str, list[str]]:
    """The cells of each row, by the part of the Markdown and the first cell."""
    found, part = {}, ""
    for line in markdown.splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ")
        if line.startswith("| "):
            name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[f"{part}: {name}"] = cells
    return found


def test_markdown_keeps_measured_and_published_numbers_apart(board: Board) -> None:
    cells = rows(board.tables()[1])
    assert cells["Measured here: slimrlfn"] == [
        *("2", "27.750", "27.500", "+0.250", "0.7812", "150", "0.500", "0.492", "0.508", "faster", "0.500", "RLFN"),
        *("2.967", "2024's formula"),  # .7 e + .15 x 3.3846 + .15 x 3.7094
        *("207,774", "11.99", "74.06", "51", "64.2"),
    ]
    assert cells["Published: rlfn"] == [
        *("DIV2K_LSDIR_valid", "26.96", UNKNOWN, "27.07", UNKNOWN, UNKNOWN, "0.317", "19.67"),
        *(UNKNOWN, UNKNOWN, "39"),
    ]
    assert cells["Published: slimrlfn"] == ["DIV2K_LSDIR_valid", "26.914", UNKNOWN, "27.026", *[UNKNOWN] * 7]
    assert cells["Published: slimrlfn-pruned"] == ["not published", *[UNKNOWN] * 10]
    assert cells["Published run times: rlfn"] == ["RTX 3090", "13.54", *[UNKNOWN] * 10]
    assert [name for name in cells if name.startswith("Published run times: ") and "entry" not in name] == [
        "Published run times: ---",
        "Published run times: rlfn",
    ]


def test_a_printed_number_keeps_the_decimals_that_it_was_printed_with(board: Board) -> None:
    board.entries["rlfn"] = Entry(
        title="RLFN", year=2024, validation_set="x", published=Published(psnr_valid=26.90, psnr_test=27.0023)
    )
    assert rows(board.tables()[1])["Published: rlfn"][1:4] == ["26.90", UNKNOWN, "27.0023"]


def test_below_bicubic_comes_with_what_it_needs(board: Board) -> None:
    assert "raise scales.demo.training.length in params.yaml" in board.tables()[1]
    board.add("rlfn", "rlfn", made_metrics(27.75, 300.5, 0.25, 317_218))
    assert "raise scales" not in board.tables()[1]


def test_markdown_marks_what_is_below_bicubic_and_nothing_else(board: Board) -> None:
    cells = rows(board.tables()[1])
    assert cells["Measured here: rlfn (below bicubic)"][3] == f"{MINUS}0.250"
    assert sum("below bicubic" in name for name in cells) == 1


def test_a_network_that_equals_bicubic_is_not_below_it(board: Board) -> None:
    board.add("slimrlfn", "slimrlfn", made_metrics(27.5, 1.0, 0.01, 207_774))
    csv_text, markdown = board.tables()
    assert csv_text.splitlines()[1].startswith("slimrlfn,")
    assert rows(markdown)["Measured here: slimrlfn"][3] == "+0.000"


def test_networks_share_a_rank_where_their_intervals_overlap(board: Board) -> None:
    """0.50 reaches from 0.492 to 0.508, and 0.51 from 0.502: as fast as anyone can tell. 0.53 begins at 0.522."""
    board.rows.clear()
    for key, ratio in (("c", 0.53), ("b", 0.51), ("a", 0.5)):
        board.add(key, "slimrlfn", made_metrics(27.75, 100.0, ratio, 207_774))
    lines = csv.DictReader(io.StringIO(board.tables()[0]))
    assert [(line["entry"], line["rank"]) for line in lines] == [("a", "1"), ("b", "1"), ("c", "3")]


def test_run_times_that_are_not_to_be_believed_are_named(board: Board) -> None:
    assert "Do not believe" not in "".join(board.write_undrawn())
    doubt = "the baseline against itself gave 1.020 to 1.040, without 1"
    board.add("slimrlfn", "slimrlfn", made_metrics(27.75, 150.25, 0.5, 207_774, doubt=doubt))
    _, markdown, html = board.write_undrawn()
    assert f"Do not believe these run times: slimrlfn ({doubt})." in markdown
    assert f"Do not believe these run times: SlimRLFN ({doubt})." in html


def test_stand_in_data_are_told_of(board: Board) -> None:
    assert "> Stand-in data: " in board.tables()[1]
    for key, row in board.rows.items():
        board.add(key, row.entry, made_metrics(27.75, 150.25, 0.5, 207_774, stand_in=False))
    assert "tand-in" not in board.tables()[1]


def test_the_terminal_shows_every_row_with_its_distance_from_bicubic(
    board: Board, capsys: pytest.CaptureFixture[str]
) -> None:
    board.write_undrawn()
    print_leaderboard(board.csv, stand_in=True)
    shown = capsys.readouterr().out
    (slim,) = [line for line in shown.splitlines() if line.split()[:1] == ["slimrlfn"]]
    assert slim.split() == ["slimrlfn", "2", "27.750", "+0.250", "0.500", "0.492", "0.508", "207,774"]
    assert "Stand-in data" in shown
    print_leaderboard(board.csv, stand_in=False)
    assert "Stand-in data" not in capsys.readouterr().out


def test_the_terminal_names_rows_whose_times_tell_nothing(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    board.write_undrawn()
    print_leaderboard(board.csv, stand_in=False)
    assert "nothing can be told" not in capsys.readouterr().out
    board.add("slimrlfn", "slimrlfn", made_metrics(27.75, 150.25, 0.5, 207_774) | {"verdict": "cannot tell"})
    board.add(
        "rlfn", "rlfn", made_metrics(27.75, 300.5, 1.0, 317_218) | {"verdict": "cannot tell"}
    )  # as its interval says
    board.write_undrawn()
    print_leaderboard(board.csv, stand_in=False)
    assert "nothing can be told: slimrlfn;" in capsys.readouterr().out


def test_the_terminal_names_a_leaderboard_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EsrError, match=r"leaderboard\.csv .*run the stage report"):
        print_leaderboard(tmp_path / "leaderboard.csv", stand_in=False)


@pytest.mark.parametrize(("value", "text"), [(4.2234, "4.22"), (13.54, "13.5"), (147.3, "147"), (2910.4, "2,910")])
def test_a_run_time_has_three_digits_that_count(value: float, text: str) -> None:
    assert milliseconds(value) == text
