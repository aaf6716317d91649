"""Files that appear whole or not at all, and the hashes that identify them."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from esr.common.errors import EsrError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it to ``path`` when the block ends well.

    The content is flushed to disk before the rename, so that after a power cut either the old
    file or the new one is there, never half of one. On any failure the temporary file is removed.

    Raises:
        EsrError: the folder cannot be written to, or the disk is full.
    """
    temporary = Path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise EsrError(
            f"cannot write {path}: {error.strerror or error}; free the disk or make the folder writable"
        ) from error
    finally:
        if temporary.name:
            temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    r"""Write ``text`` to ``path``, whole or not at all; bytes of file names that are no UTF-8 as ``\udcff``."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys: equal values are equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON, or raise EsrError naming the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EsrError(f"{path} is missing; run the stage that makes it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise EsrError(f"{path} cannot be read as JSON ({error}); delete it and run the stage that makes it") from error


def md5_of(path: Path) -> str:
    """The md5 of a file's content, as DVC records it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, as archives are published with and manifests list."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of(value: Any) -> str:
    """A short hash of any JSON value, the same for equal values whatever the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
