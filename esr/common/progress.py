"""How far a long piece of work has come, with its rate and the time left."""

import os
import sys
import time

from esr.common.duration import duration
from esr.common.errors import printable

_ON_A_TERMINAL, _ELSEWHERE = 0.2, 30.0  # seconds between two updates


class Progress:
    """A context that counts: one line kept up to date on a terminal of its own, else a line per half minute.

    Example:
        with Progress("packing div2k", 800, "images") as progress:
            progress.add(1)
    """

    def __init__(self, what: str, total: float | None, unit: str, done: float = 0, divide: float = 1) -> None:
        """Begin.

        Args:
            what: what is being done.
            total: how much there is to do, if known.
            unit: of what is counted, after dividing.
            done: how much was done before; it does not count into the rate.
            divide: makes the unit of the numbers counted, as 1e6 makes MB of bytes.
        """
        self._what, self._total, self._unit, self._divide = printable(what), total, unit, divide
        self._before, self._done = done, done
        self._began = self._shown = time.monotonic()
        self._live = sys.stderr.isatty() and "ESR_UNDER_SNAKEMAKE" not in os.environ

    def add(self, amount: float) -> None:
        """Count ``amount`` more."""
        self._done += amount
        now = time.monotonic()
        if now - self._shown >= (_ON_A_TERMINAL if self._live else _ELSEWHERE):
            self._shown = now
            before, after = ("\r\033[K", "") if self._live else ("", "\n")
            print(f"{before}{self._line(now)}", end=after, file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        rate = (self._done - self._before) / max(now - self._began, 1e-9)
        line = f"{self._what}: {self._done / self._divide:,.0f}"
        if self._total is not None:
            line += f" of {self._total / self._divide:,.0f}"
        line += f" {self._unit}, {rate / self._divide:,.1f} a second"
        if self._total is not None and rate > 0:
            line += f", {duration(max(0.0, (self._total - self._done) / rate))} left"
        return line
