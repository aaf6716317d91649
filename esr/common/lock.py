"""One process at a time: whoever comes second waits, and says for whom."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esr.common.complaints import writing


@contextmanager
def only_one(path: Path, doing: str) -> Iterator[bool]:
    """Hold the lock ``path`` during the block; yield whether another process held it first.

    The kernel frees the lock when its holder ends, however it ends. The file stays, empty of meaning.

    Args:
        path: the lock's file.
        doing: what the holder does, for the line that is shown while waiting ("packs div2k").
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        waited = not _taken_at_once(handle)
        if waited:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            print(f"waiting for process {holder}, which {doing}", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        with writing(path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield waited
    finally:
        os.close(handle)


def _taken_at_once(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
