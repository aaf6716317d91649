"""One live view of a run, where there is a terminal that can show one; else the run's own lines, as they come."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress

from rich.console import Console
from rich.live import Live
from rich.text import Text

from esr.driving.following import Follower
from esr.driving.run_view import RunView
from esr.stages.at_work import ASKED

EVERY, WHILE_MEASURING = 1.0, 5.0  # seconds between two looks


class Lines(AbstractContextManager["Lines"]):
    """The run's own lines.

    Attributes:
        output: where the run writes; None: where this process does.
        environment: that the run needs besides.
    """

    output: int | None = None
    environment: dict[str, str] = {}

    def wait(self, process: "subprocess.Popen[bytes]", stopping: Callable[[], bool]) -> int:
        """Wait until the run's process has ended; gives its exit code."""
        return process.wait()

    def __exit__(self, *error: object) -> None:
        """Nothing is to be done."""


class LiveView(AbstractContextManager["LiveView"]):
    """What the run is doing, below the lines that it writes; in the end the lines alone are left.

    The run writes into a file in memory. Unlike a pipe it never fails a stage that outlives this process, and unlike a
    file on disk it takes the line that the disk is full. Attributes: as Lines has them.
    """

    environment = {ASKED: "1"}

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._open = ExitStack()
        self._read = 0

    def __enter__(self) -> "LiveView":
        self._open.enter_context(self._follower)
        self.output = os.memfd_create("esr-run")
        self._open.callback(os.close, self.output)
        self._live = Live(console=_Console(stderr=True, highlight=False), auto_refresh=False, transient=True)
        self._open.callback(self._end)
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def wait(self, process: "subprocess.Popen[bytes]", stopping: Callable[[], bool]) -> int:
        """Show the run until its process has ended; gives its exit code. ``stopping``: whether it was asked to stop."""
        while True:
            self._show(stopping())
            try:
                return process.wait(WHILE_MEASURING if self._follower.is_measuring() else EVERY)
            except subprocess.TimeoutExpired:
                continue

    def _show(self, stopping: bool) -> None:
        with suppress(OSError):  # the terminal was closed; the run goes on without a view
            self._print_lines()
            self._live.update(RunView(self._follower.look(stopping)), refresh=True)

    def _end(self) -> None:
        with suppress(OSError):
            self._print_lines(all_of_it=True)
            self._live.stop()

    def _print_lines(self, all_of_it: bool = False) -> None:
        """Print the whole lines that the run has written since the last time, above the view."""
        new = os.pread(self.output, os.fstat(self.output).st_size - self._read, self._read)
        new = new if all_of_it else new[: new.rfind(b"\n") + 1]
        self._read += len(new)
        for line in new.decode(errors="replace").splitlines():
            self._live.console.print(Text(line), soft_wrap=True)


class _Console(Console):
    """A terminal whose cursor stays: a process that is killed could not bring it back."""

    def show_cursor(self, show: bool = True) -> bool:
        """Leave the cursor as it is."""
        return False


def view_of(follower: Callable[[], Follower], elsewhere: bool) -> Lines | LiveView:
    """The live view where a person looks at a terminal that can show it, and the stages run on this machine.

    Args:
        follower: of the run.
        elsewhere: whether the stages run as jobs of a cluster.
    """
    return Lines() if elsewhere or not _can_show() else LiveView(follower())


def _can_show() -> bool:
    """Whether both streams are the terminal that this process stands in the foreground of, and its cursor moves."""
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown") or not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    if not hasattr(os, "memfd_create"):  # no Linux: no file in memory for the lines
        return False
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except OSError:
        return False
