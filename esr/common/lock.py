"""One process at a time, by locks that the kernel drops when their holder ends, however it ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from esr.common.complaints import writing


@contextmanager
def only_one(path: Path, doing: str) -> Iterator[bool]:
    """Hold the lock ``path`` during the block; where another process holds it, say so and wait.

    Gives whether there was somebody to wait for. The holder's number lies beside the lock, for the line.

    Args:
        path: the lock's file.
        doing: what the holder does, for the line ("packs div2k").
    """
    lock, holder = FileLock(path), path.with_suffix(".pid")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        waited = not _taken(lock)
    try:
        if waited:
            print(f"waiting for process {_number_in(holder)}, which {doing}", file=sys.stderr, flush=True)
            lock.acquire()
        with writing(holder):
            holder.write_text(f"{os.getpid()}\n")
        yield waited
    finally:
        lock.release()


@contextmanager
def at_once(path: Path, mode: int = 0o644) -> Iterator[bool]:
    """Hold the lock ``path`` during the block, unless another process holds it; gives whether this one does.

    Args:
        path: the lock's file.
        mode: of a new file: whose processes it is for.
    """
    lock = FileLock(path, mode=mode)
    held = _taken(lock)
    try:
        yield held
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    if not path.exists():
        return False
    try:
        with at_once(path) as mine:
            return not mine
    except OSError:  # where nobody can write, nobody runs
        return False


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _number_in(holder: Path) -> str:
    with suppress(OSError):
        return holder.read_text().strip() or "unknown"
    return "unknown"
