"""One process at a time, by locks that the kernel drops when their holder ends, however it ends.

Python opens files so that they do not outlive an exec; a forked data loader's worker does inherit a lock, and drops
it when it notices, seconds later, that its parent has died.
"""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from esr.common.complaints import writing

LOOK_AGAIN = 0.005  # seconds; looking whether a file is held takes its lock for microseconds


@contextmanager
def only_one(path: Path, doing: str) -> Iterator[bool]:
    """Hold the lock ``path`` during the block; where another process holds it, say so and wait.

    Gives whether another process was waited for. The holder's process id lies beside the lock, for the line.

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


def hold(file: int | IO[Any], patience: float = 0.2) -> bool:
    """Hold an open file until it is closed or the process dies.

    Returns:
        False if another process holds it, and still does after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
        time.sleep(LOOK_AGAIN)


def is_held(path: Path) -> bool:
    """Whether a living process holds this lock, by any of the functions above; False where it cannot be opened."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
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
