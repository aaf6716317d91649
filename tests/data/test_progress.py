"""Long work shows its rate and the time left on a terminal, and next to nothing elsewhere."""

import io
import time

import pytest

from esr.common.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def run(clock: list[float], stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, seconds: int) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    with Progress("set.zip", 1000e6, "MB", done=200e6, divide=1e6) as progress:
        for _ in range(seconds):
            clock[0] += 1
            progress.add(10e6)
    return stream.getvalue()


def test_a_terminal_shows_rate_and_time_left_in_one_line(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESR_UNDER_SNAKEMAKE", raising=False)
    shown = run(clock, Terminal(), monkeypatch, 4).split("\r\033[K")
    assert shown[-2] == "set.zip: 240 of 1,000 MB, 10.0 a second, 1 min 16 s left"
    assert shown[-1] == ""  # the line is gone when the work is done


def test_without_a_terminal_there_is_a_line_per_half_minute(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = run(clock, io.StringIO(), monkeypatch, 70).splitlines()
    assert lines == [
        "set.zip: 500 of 1,000 MB, 10.0 a second, 50 s left",
        "set.zip: 800 of 1,000 MB, 10.0 a second, 20 s left",
    ]


def test_short_work_says_nothing_to_a_log(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(clock, io.StringIO(), monkeypatch, 10) == ""
