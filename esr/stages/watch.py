"""What a running stage shows: its log, its progress, its metrics."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING

from esr.common.duration import duration
from esr.common.errors import printable
from esr.common.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from esr.tracking.journal import Journal
    from esr.training.curve import Point


class Watch:
    """Shows a stage to people, as Progress does; everything said goes to the log too.

    Args:
        name: the stage.
        log: file that lines are appended to.
        journal: where metrics go.
    """

    def __init__(self, name: str, log: Path, journal: Journal) -> None:
        self.name = name
        self.journal = journal
        self.terminated = 0  # the signal that asked to stop
        self.summary = ""  # said when the stage is done
        self.ahead: Callable[[], float] = lambda: 0.0  # training that follows in the entry, in units of this stage's
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a", encoding="utf-8")
        self._counted: Progress | None = None
        self._samples = 0

    def __enter__(self) -> Watch:
        return self

    def catch_stops(self) -> None:
        """From now on SIGTERM and Ctrl-C set ``terminated``: for stages that save their state and end by themselves.

        A second one ends the stage at once.
        """
        self._before = {number: signal.signal(number, self._terminate) for number in (signal.SIGTERM, signal.SIGINT)}

    def __exit__(self, *error: object) -> None:
        self._clear()
        self._log.close()

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self.terminated = number
        for caught, handler in self._before.items():
            signal.signal(caught, handler)

    def say(self, text: str) -> None:
        """One line, to the terminal and to the log."""
        self._clear()
        print(f"{self.name}: {printable(text)}", file=sys.stderr, flush=True)
        self.note(text)

    def _clear(self) -> None:
        if self._counted:
            self._counted.clear()

    def note(self, text: str) -> None:
        """One line to the log alone."""
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(text)}", file=self._log, flush=True)

    def point(self, name: str, point: Point) -> None:
        """A point of a training curve: to the journal and to the log."""
        values = {"loss": point.loss, "learning_rate": point.learning_rate}
        if point.psnr is not None:
            values["psnr"] = point.psnr
            self.summary = f", {point.psnr:.2f} dB on the held-out images"
        rate = self._counted.rate(point.iteration) if self._counted else 0.0
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
        if self._counted is None or done < self._counted.done:
            more = partial(self._entry_left, total)
            self._counted = Progress(self.name, total, "iterations", done, more=more, note=self.note)
            self._samples = samples
        self._counted.to(done)

    def _entry_left(self, total: int) -> str:
        """Roughly the time until the entry is trained, where more phases follow."""
        assert self._counted is not None
        done = self._counted.done
        rate = self._counted.rate(done)
        ahead = self.ahead() if rate else 0.0
        return f", {duration((total - done + ahead * total) / rate)} or so for the entry" if ahead else ""
