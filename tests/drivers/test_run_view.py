"""What the live view of a run shows, from states made by hand."""

import io

import pytest
from rich.console import Console

from esr.common.how_far import HowFar
from esr.driving.run_state import AtWork, ReachedPsnr, RunState, best_of
from esr.driving.run_view import MOST_LINES, RunView

TRAINING = AtWork(
    name="finetune@slimrlfn-repeat-1",
    seconds=60.0,
    how_far=HowFar(began=0.0, unit="iterations", done=1500, total=2000, rate=25.0),
    psnr=28.208,
)
COUNTING_NOTHING = AtWork("benchmark@slimrlfn-pruned", 75.0, HowFar(began=0.0))
OF_UNKNOWN_LENGTH = AtWork("download@div2k", 5.0, HowFar(began=0.0, unit="MB", done=130, rate=26.0))


def drawn(state: RunState, columns: int) -> list[str]:
    """The lines on a terminal of so many columns."""
    file = io.StringIO()
    Console(file=file, width=columns, force_terminal=True, color_system=None).print(RunView(state))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_wide_terminal_has_the_bar_amount_rate_time_and_psnr_of_each_stage() -> None:
    """500 iterations at 25 a second are 20 s."""
    training, counts, outlook = drawn(
        RunState(12, 62, [TRAINING], left=840.0, best=ReachedPsnr("ifadnet", 28.365)), columns=140
    )
    name, _, numbers = training.partition("  ")
    assert name == "finetune@slimrlfn-repeat-1"
    bar = [char for char in numbers if char in "━╸╺"]
    assert len(bar) > 30
    cells = [each.strip() for each in numbers.split("  ")]
    assert cells[-5:] == ["75 %", "1,500 of 2,000 iterations", "25.0 a second", "20 s left", "28.21 dB"]
    assert counts == "12 of 62 stages done, 1 running, 49 waiting"
    assert outlook == "about 14 min left; best PSNR so far 28.36 dB (ifadnet, on its held-out images)"


@pytest.mark.parametrize(("columns", "numbers"), [(60, "75 % 20 s left"), (80, "75 % 25.0/s 20 s left 28.21 dB")])
def test_a_narrow_terminal_has_fewer_numbers_and_breaks_no_line(columns: int, numbers: str) -> None:
    lines = drawn(RunState(0, 62, [TRAINING, COUNTING_NOTHING, OF_UNKNOWN_LENGTH]), columns)
    assert len(lines) == 4 and all(len(line) <= columns for line in lines)
    training, measuring, download, counts = lines
    assert " ".join(training.split()).endswith(f" {numbers}")
    assert measuring.split("  ")[0] == COUNTING_NOTHING.name and "━" not in measuring + download
    assert measuring.endswith("for 1 min 15 s")
    assert "130 MB" in download and download.endswith("for 5 s")
    assert counts == "0 of 62 stages done, 3 running, 59 waiting"


def test_failed_stages_are_counted_and_do_not_wait() -> None:
    assert drawn(RunState(3, 10, [TRAINING], failed=2), 80)[-1] == (
        "3 of 10 stages done, 1 running, 4 waiting, 2 failed"
    )


def test_a_run_that_was_asked_to_stop_says_so_in_place_of_the_time_left() -> None:
    assert drawn(RunState(3, 10, [TRAINING], left=9.0, stopping=True), 80)[-1].startswith("stopping")


def test_many_stages_do_not_fill_the_terminal() -> None:
    lines = drawn(RunState(0, 99, [TRAINING] * (MOST_LINES + 5)), 80)
    assert len(lines) == MOST_LINES + 2
    assert lines[-2] == "and 5 more"


def test_the_best_is_the_highest_psnr() -> None:
    reached = [ReachedPsnr("rlfn", 28.1), ReachedPsnr("edrn", 28.3), ReachedPsnr("rfdn", 27.9)]
    assert best_of(reached) == ReachedPsnr("edrn", 28.3)
    assert best_of([]) is None
