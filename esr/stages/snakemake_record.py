"""Snakemake's record of what was made, its lock, and the call that makes it take what others have made for current."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

import psutil

from esr.common.errors import EsrError
from esr.recipes.graph import Node
from esr.stages.digests import keeping_digest

SNAKEMAKE_LOCKS = Path(".snakemake/locks")
METADATA = Path(".snakemake/metadata")
CLOCK = 1.0  # seconds that two clocks, such as a file server's, may differ
COMPLAINTS_ONLY = ("--quiet", "host", "progress", "reason", "rules")  # what is left are Snakemake's complaints
SYNCING = "ESR_SYNCING"  # set for a Snakemake that `esr` starts and syncs after: its own handlers stay quiet


def prepare_jobs() -> None:
    """Set what the jobs of this Snakemake inherit: its own python first, and that they share the terminal."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["ESR_UNDER_SNAKEMAKE"] = "1"  # lines, not bars


def end_with_the_terminal() -> None:
    """End as by Ctrl-C where the terminal is closed, so that the jobs that were given to a cluster are cancelled."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not where `nohup` has it ignored
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    if SYNCING in os.environ:  # `esr` asks by it, also where a shell has started it in the background with it ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)


def keep_digests() -> None:
    """Have this Snakemake keep what is remembered of large outputs: it sets the time of all that its jobs made.

    Snakemake has no place for this but the method itself. What changed before it or changes after it is read anew.
    """
    from snakemake.io import _IOFile

    touch = _IOFile.touch

    def touch_and_keep(file: "_IOFile", times: tuple[float, float] | None = None) -> None:
        with keeping_digest(Path(file)):
            touch(file, times)

    _IOFile.touch = touch_and_keep


def hush() -> None:
    """Leave of what this Snakemake says its complaints, and where the logs of a cluster's jobs are.

    `--quiet all` would take these, too.
    """
    logging.getLogger("snakemake.logging").addFilter(
        lambda record: record.levelno >= logging.WARNING or " (log: " in record.getMessage()
    )


def knows(node: Node) -> bool:
    """Whether Snakemake's record is of the outputs that are there: it can be read, and is not older than they are."""
    return all(_is_of(path) for path in node.out_paths if os.path.exists(path))


def _is_of(path: str) -> bool:
    record = _record_of(path)
    try:
        json.loads(record.read_bytes())
        return record.stat().st_mtime > os.path.getmtime(path) - CLOCK
    except (OSError, ValueError):
        return False


def _record_of(path: str) -> Path:
    """Where Snakemake keeps what it knows of an output."""
    return METADATA / urlsafe_b64encode(path.encode()).decode()


def from_the_future(nodes: Iterable[Node]) -> list[str]:
    """The files of these stages that are newer than now, as after a clock was set back.

    Snakemake deletes what it makes of them, because by their times it would be older.
    """
    files = {path for node in nodes for path in (*node.deps, *node.out_paths)}
    now = time.time() + CLOCK
    return sorted(path for path in files if os.path.exists(path) and os.path.getmtime(path) > now)


def tell_snakemake(nodes: Iterable[Node]) -> None:
    """Have Snakemake take the outputs of these stages for current.

    Files from the future get the present time first: what they hold decides, not when it was written.

    Raises:
        EsrError: Snakemake is at work in this folder, or refuses.
    """
    nodes = list(nodes)
    for path in from_the_future(nodes):
        with keeping_digest(Path(path)):
            os.utime(path)
    targets = [path for node in nodes for path in node.out_paths]
    if not targets:
        return
    clear_stale_lock()
    unknown = [path for node in nodes if not knows(node) for path in node.out_paths]
    if unknown:  # without a record of its parameters a stage would be taken for current after any edit of them
        for path in unknown:
            _record_of(path).unlink(missing_ok=True)  # Snakemake fails at one that cannot be read
        _touch(["--force", "--", *unknown])
    _touch(["--", *targets])


def _touch(arguments: list[str]) -> None:
    _call(["snakemake", "--touch", "--rerun-incomplete", "--cores", "1", *COMPLAINTS_ONLY, *arguments])


def wait_for_snakemake() -> None:
    """Wait for a Snakemake that is at work in this folder, such as that of a `make run` that was killed, and say so.

    One that has just begun counts, too: it locks the folder seconds later.
    """
    living = _living_snakemake()
    if living is not None:
        print(f"waiting for Snakemake (process {living}), which is at work in this folder", file=sys.stderr, flush=True)
    while living is not None:
        time.sleep(1)
        living = _living_snakemake()


def clear_stale_lock() -> None:
    """Unlock the folder after a Snakemake that was killed; one that is at work is an error.

    Raises:
        EsrError: a living Snakemake works in this folder.
    """
    if not _is_locked():
        return
    living = _living_snakemake()
    if living is not None:
        raise EsrError(f"Snakemake is at work in this folder (process {living}); wait for it, or stop it first")
    _call(["snakemake", "--unlock", *COMPLAINTS_ONLY])


def _is_locked() -> bool:
    return SNAKEMAKE_LOCKS.is_dir() and any(SNAKEMAKE_LOCKS.iterdir())


def _living_snakemake() -> int | None:
    """The process id of a Snakemake, other than an ancestor of this process, that works in this folder."""
    ours = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        is_snakemake = any(Path(word).name == "snakemake" for word in command[:4])
        if is_snakemake and process.info["cwd"] == os.getcwd() and process.pid not in ours:
            return int(process.pid)
    return None


def _call(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env={**os.environ, SYNCING: "1"}
    )
    if done.returncode != 0:
        lines = [" ".join(line.split()) for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise EsrError(f"`{' '.join(command[:2])} ...` fails: {' '.join(lines) or 'it says nothing'}")
