"""The md5 of files, as DVC records them, each read as rarely as can be."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import md5_of, read_json, write_json
from esr.common.hashed_file import FileStat, HashedFile

REMEMBERED = Path(".esr/digests")
LARGE = 64 * 2**20  # bytes from which on a digest is remembered: reading a store of 400 GB takes ten minutes


class Digests:
    """Digests for one look at many files: each file is read once.

    Small files are read at every look. The digest of a large one is remembered beside its stat, and taken again when
    inode, size or time has changed, as DVC does with every file.
    """

    def __init__(self) -> None:
        self._known: dict[Path, str | None] = {}

    def of(self, path: str | Path) -> str | None:
        """The md5 of a file; None where there is no such file."""
        path = Path(path)
        if path not in self._known:
            self._known[path] = _digest(path) if path.is_file() else None
        return self._known[path]

    def forget(self, path: str | Path) -> None:
        """Look again: the file was made anew meanwhile."""
        self._known.pop(Path(path), None)


def remember(path: Path, hashed: HashedFile) -> None:
    """Spare later looks to read a large file of which the md5 is known."""
    if hashed.stat.size >= LARGE:
        write_json(_memory_of(path), {"path": str(path), "stat": list(hashed.stat), "md5": hashed.md5})


def remembered(path: Path) -> HashedFile | None:
    """What is known of a large file as it is now, without reading it; None where it is not known."""
    with suppress(EsrError, OSError):
        memory, stat = read_json(_memory_of(path)), FileStat.of(path)
        if isinstance(memory, dict) and (memory.get("path"), memory.get("stat")) == (str(path), list(stat)):
            return HashedFile(stat, str(memory["md5"]))
    return None


@contextmanager
def keeping_digest(path: Path) -> Iterator[None]:
    """Around what gives a file another time and leaves its bytes: a digest that was known before is known after."""
    known = remembered(path)
    yield
    if known:
        after = FileStat.of(path)
        if (after.inode, after.size) == (known.stat.inode, known.stat.size):
            remember(path, HashedFile(after, known.md5))


def _digest(path: Path) -> str:
    stat = FileStat.of(path)
    if stat.size < LARGE:
        return md5_of(path)
    if known := remembered(path):
        return known.md5
    md5 = md5_of(path)
    remember(path, HashedFile(stat, md5))
    return md5


def _memory_of(path: Path) -> Path:
    return REMEMBERED / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"
