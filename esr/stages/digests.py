"""The md5 of files, as DVC records them, each read as rarely as can be."""

import hashlib
from contextlib import suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import md5_of, read_json, write_json

REMEMBERED = Path(".esr/digests")
LARGE = 64 * 2**20  # bytes from which on a digest is remembered: reading a store of 400 GB takes ten minutes


class Digests:
    """Digests for one look at many files: each file is read once.

    Small files are read at every look. The digest of a large one is remembered beside its size and time, and taken
    again when either has changed, as DVC does with every file.
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


def _digest(path: Path) -> str:
    state = path.stat()
    if state.st_size < LARGE:
        return md5_of(path)
    memory = REMEMBERED / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"
    seen = [str(path), state.st_size, state.st_mtime_ns]
    with suppress(EsrError):
        remembered = read_json(memory)
        if isinstance(remembered, dict) and remembered.get("seen") == seen:
            return str(remembered["md5"])
    digest = md5_of(path)
    write_json(memory, {"seen": seen, "md5": digest})
    return digest
