"""Files that a living process holds: a lock that the kernel drops at its death, however it dies.

Python opens files so that they do not outlive an exec; a forked data loader's worker does inherit
the lock, and drops it when it notices, seconds later, that its parent has died.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import IO, Any

LOOK_AGAIN = 0.005  # seconds; somebody who looks at a file has it for microseconds


def hold(file: IO[Any], patience: float = 0.2) -> bool:
    """Hold an open file until it is closed or the process dies; False if another process holds it."""
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
    """Whether a living process holds the file."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
