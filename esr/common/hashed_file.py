"""The hash of a file together with the file's stat, so that the hash is believed of no other bytes."""

import os
from pathlib import Path
from typing import NamedTuple


class FileStat(NamedTuple):
    """What is known of a file without reading it; writing to the file or replacing it changes this."""

    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, file: Path | int) -> "FileStat":
        """The stat of a file now, by its path or its open handle."""
        state = os.stat(file)
        return cls(state.st_ino, state.st_size, state.st_mtime_ns)


class HashedFile(NamedTuple):
    """The md5 of what a file held while it had this stat."""

    stat: FileStat
    md5: str
