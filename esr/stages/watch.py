"""What a running stage shows: its log, its progress, its metrics."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING

from esr.common.duration import duration
from esr.common.errors import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress

    from esr.tracking.journal import Journal
    from esr.training.curve import Point

BAR_EVERY = 2.0  # seconds between two estimates of the entry's time
LINE_EVERY = 30.0  # seconds between two progress lines of a stage that has no terminal of its own


class Watch:
    """Shows a stage to people: a bar on a terminal, else a line per half minute; everything said goes to the log too.

    Args:
        name: the stage.
        log: file that lines are appended to.
        journal: where metrics go.
        bar: draw a progress bar (the stage has the terminal to itself).
    """

    def __init__(self, name: str, log: Path, journal: Journal, bar: bool) -> None:
        self.name = name
        self.journal = journal
        self.terminated = 0  # the signal that asked to stop
        self.summary = ""  # said when the stage is done
        self.ahead: Callable[[], float] = lambda: 0.0  # training that follows in the entry, in units of this stage's
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a", encoding="utf-8")
        self._bar = _new_bar() if bar else None
        self._last_line = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._samples = 0

    def __enter__(self) -> Watch:
        return self

    def catch_stops(self) -> None:
        """From now on SIGTERM and Ctrl-C set ``terminated``: for stages that save their state and end by themselves.

        A second one ends the stage at once.
        """
        self._before = {number: signal.signal(number, self._terminate) for number in (signal.SIGTERM, signal.SIGINT)}

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()
        self._log.close()

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.terminated = number
        for caught, handler in self._before.items():
            signal.signal(caught, handler)

    def say(self, text: str) -> None:
        """One line, to the terminal and to the log."""
        print(f"{self.name}: {printable(text)}", file=sys.stderr, flush=True)
        self.note(text)

    def note(self, text: str) -> None:
        """One line to the log alone."""
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(text)}", file=self._log, flush=True)

    def point(self, name: str, point: Point) -> None:
        """A point of a training curve: to the journal and to the log."""
        values = {"loss": point.loss, "learning_rate": point.learning_rate}
        if point.psnr is not None:
            values["psnr"] = point.psnr
            self.summary = f", {point.psnr:.2f} dB on the held-out images"
        rate = self._rate(point.iteration)
        if rate:
            values["images_per_second"] = rate * self._samples
        self.journal.metrics(point.iteration, **values)
        shown = ", ".join(f"{key} {value:.4g}" for key, value in values.items())
        self.note(f"{name} iteration {point.iteration}: {shown}")

    def picture(self, name: str, image: NDArray[np.uint8], step: int) -> None:
        """A picture (uint8, HWC) to the journal."""
        from PIL import Image

        with suppress(OSError), TemporaryDirectory() as folder:
            file = Path(folder, f"{name}.png")
            Image.fromarray(image).save(file)
            self.journal.picture(name, file, step)

    def measured(self, step: int, **values: float) -> None:
        """Something measured once: to the journal, the log and the terminal."""
        self.journal.metrics(step, **values)
        self.say(", ".join(f"{key} {value:.6g}" for key, value in values.items()))

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """``done`` of ``total`` iterations of ``samples`` images each; shown now and then."""
        if self._first is None or done < self._first[1]:
            self._first, self._samples = (time.monotonic(), done), samples
        if self._bar:
            if not self._bar.tasks or self._bar.tasks[-1].description != name:
                self._bar.add_task(name, total=total, completed=done, entry="")
                self._bar.start()
            self._bar.update(self._bar.tasks[-1].id, completed=done)
        if time.monotonic() - self._last_line < (BAR_EVERY if self._bar else LINE_EVERY):
            return
        self._last_line = time.monotonic()
        rate = self._rate(done)
        entry = self._entry_left(done, total, rate)
        if self._bar:
            self._bar.update(self._bar.tasks[-1].id, entry=entry)
        else:
            left = f", {rate:.2f} it/s, {duration((total - done) / rate)} left" if rate else ""
            self.say(f"iteration {done} of {total}{left}{entry}")

    def _entry_left(self, done: int, total: int, rate: float) -> str:
        """Roughly the time until the entry is trained, where more phases follow."""
        ahead = self.ahead() if rate else 0.0
        return f", {duration((total - done + ahead * total) / rate)} or so for the entry" if ahead else ""

    def _rate(self, done: int) -> float:
        """Iterations per second since this process began to train; 0 while unknown."""
        if self._first is None or done <= self._first[1]:
            return 0.0
        begun, first = self._first
        return (done - first) / max(time.monotonic() - begun, 1e-9)


def _new_bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[entry]}"),
    )
    return Progress(*columns, console=Console(stderr=True))
