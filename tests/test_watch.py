"""What a stage shows while it trains, without a terminal of its own."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from esr.common import progress
from esr.stages import watch
from esr.stages.watch import Watch


class Clock:
    """Stands in for the time: it passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def strftime(self, form: str) -> str:
        return "now"


class Told:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.pictures: list[tuple[str, int, np.ndarray]] = []

    def picture(self, name: str, file: Path, step: int) -> None:
        self.pictures.append((name, step, np.asarray(Image.open(file))))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (progress, watch):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic, strftime=clock.strftime))
    return clock


@pytest.mark.parametrize(("ahead", "entry"), [(0.0, ""), (2.5, ", 1 h 26 min or so for the entry")])
def test_a_line_per_half_minute_with_the_time_left(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str], ahead: float, entry: str
) -> None:
    """1,500 iterations at one a second; after 60 s 1,440 are left, and 2.5 x 1,500 follow: 5,190 s."""
    with Watch("finetune@x", tmp_path / "x.log", Told()) as shown:  # type: ignore[arg-type]
        shown.ahead = lambda: ahead
        for done in range(61):
            shown.progress("finetune x", done, 1500, samples=8)
            clock.now += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1] == f"finetune@x: 60 of 1,500 iterations, 1.00 a second, 24 min left{entry}"
    assert (tmp_path / "x.log").read_text().splitlines()[1].endswith(lines[1].removeprefix("finetune@x: "))


def test_what_is_said_leaves_the_live_line_of_a_terminal(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.delenv("ESR_UNDER_SNAKEMAKE", raising=False)
    with Watch("prune@x", tmp_path / "x.log", Told()) as shown:  # type: ignore[arg-type]
        for round_ in range(2):
            for done in range(1, 3):
                shown.progress(f"prune x, round {round_}", done, 40, samples=8)
                clock.now += 1.0
            shown.say("removed 2 channels")
    live = "\r\033[Kprune@x: 2 of 40 iterations, 1.00 a second, 38 s left\r\033[K"
    assert terminal.getvalue() == 2 * f"{live}prune@x: removed 2 channels\n" + "\r\033[K"


def test_a_picture_reaches_the_journal_as_it_is(tmp_path: Path) -> None:
    told = Told()
    image = np.random.default_rng(0).integers(0, 256, (16, 48, 3)).astype(np.uint8)
    with Watch("x", tmp_path / "x.log", told) as shown:  # type: ignore[arg-type]
        shown.picture("sample", image, 200)
    ((name, step, seen),) = told.pictures
    assert (name, step) == ("sample", 200)
    assert np.array_equal(seen, image)
