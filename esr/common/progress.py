"""How far a long piece of work has come, with its rate and the time left."""

import os
import sys
import time
from collections.abc import Callable

from esr.common.duration import duration
from esr.common.errors import printable
from esr.common.how_far import is_told, tell, tell_nothing

_ON_A_TERMINAL, _ELSEWHERE = 0.2, 30.0  # seconds between two updates
_TOLD = 1.0  # likewise where another process shows them


class Progress:
    """A context that counts: one line kept up to date on a terminal of its own, else a line per half minute.

    Where another process shows how far this one has come, it is told, and the lines go to ``note`` alone.

    Example:
        with Progress("packing div2k", 800, "images") as progress:
            progress.add(1)
    """

    def __init__(
        self,
        what: str,
        total: float | None,
        unit: str,
        done: float = 0,
        divide: float = 1,
        more: Callable[[], str] = str,
        note: Callable[[str], object] = str,
    ) -> None:
        """Begin.

        Args:
            what: what is being done.
            total: how much there is to do, if known.
            unit: of what is counted, after dividing.
            done: how much was done before; it does not count into the rate.
            divide: makes the unit of the numbers counted, as 1e6 makes MB of bytes.
            more: what to say behind the time left.
            note: is told the lines, without ``what``, where there is no terminal.
        """
        self._what, self._total, self._unit, self._divide = printable(what), total, unit, divide
        self._more, self._note = more, note
        self._before, self.done = done, done
        self._began = self._shown = time.monotonic()
        self._told = -_TOLD
        self._live = sys.stderr.isatty() and "ESR_UNDER_SNAKEMAKE" not in os.environ

    def add(self, amount: float) -> None:
        """Count ``amount`` more."""
        self.to(self.done + amount)

    def to(self, done: float) -> None:
        """Count up to ``done``."""
        self.done = done
        now = time.monotonic()
        if is_told() and now - self._told >= _TOLD:
            self._told = now
            self._tell()
        if now - self._shown < (_ON_A_TERMINAL if self._live else _ELSEWHERE):
            return
        self._shown = now
        line = self._line()
        if not is_told():
            before, after = ("\r\033[K", "") if self._live else ("", "\n")
            print(f"{before}{self._what}: {line}", end=after, file=sys.stderr, flush=True)
        if not self._live:
            self._note(line)

    def _tell(self) -> None:
        total = None if self._total is None else self._total / self._divide
        tell(self._unit, self.done / self._divide, total, self.rate(self.done) / self._divide)

    def rate(self, done: float) -> float:
        """How much is done in a second, if ``done`` is done by now; 0 while that is unknown."""
        return max(0.0, done - self._before) / max(time.monotonic() - self._began, 1e-9)

    def clear(self) -> None:
        """Leave the terminal's line to other output."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()
        tell_nothing()

    def _line(self) -> str:
        rate = self.rate(self.done)
        line = f"{self.done / self._divide:,.0f}"
        if self._total is not None:
            line += f" of {self._total / self._divide:,.0f}"
        line += f" {self._unit}, {rate / self._divide:,.{1 if rate / self._divide >= 10 else 2}f} a second"
        if self._total is not None and rate > 0:
            line += f", {duration(max(0.0, (self._total - self.done) / rate))} left"
        return line + self._more()
