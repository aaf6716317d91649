"""Runs a stage in a process of its own and interrupts it at a given iteration, counted over all its trainings."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

from esr.common.errors import Terminated
from esr.stages.running import run_stage
from esr.stages.watch import Watch
from esr.training.checkpoints import Checkpoints

# Processes are forked from a server that has imported torch, so that a hundred of them take seconds.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["esr.compression.prune", "torch._dynamo", __name__])  # Adam imports _dynamo


class PowerCut(Exception):
    """Something that no code expects."""


def run(folder: Path, kind: str, key: str, event: str = "", iteration: int = 0) -> int:
    """Run a stage of a project in which ``event`` happens after so many iterations; gives the exit code."""
    process = _CONTEXT.Process(target=_run, args=(folder, kind, key, event, iteration))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the stage hangs"
    return process.exitcode


def _run(folder: Path, kind: str, key: str, event: str, iteration: int) -> None:
    os.chdir(folder)
    with Path(folder, "said.log").open("a") as said, contextlib.redirect_stderr(said):
        _save_at_every_iteration()
        _interrupt({"SIGKILL": _kill, "SIGTERM": _terminate, "exception": _raise, "": lambda: None}[event], iteration)
        with contextlib.suppress(Terminated):
            run_stage(kind, key)
            return
    os._exit(143)


def _save_at_every_iteration() -> None:
    """Checkpoints are a second apart or more, and these trainings shorter."""
    Checkpoints.due = lambda self: True  # type: ignore[method-assign]


def _interrupt(event: Callable[[], None], iteration: int) -> None:
    progress, count = Watch.progress, 0

    def interrupted(watch: Watch, name: str, done: int, total: int, samples: int) -> None:
        nonlocal count
        count += 1
        if count == iteration:
            event()
        progress(watch, name, done, total, samples)

    Watch.progress = interrupted  # type: ignore[method-assign, assignment]


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _raise() -> None:
    raise PowerCut
