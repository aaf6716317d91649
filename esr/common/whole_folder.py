"""A folder that appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esr.common.errors import EsrError


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside ``path``, which becomes ``path`` when the block ends well; else it is removed.

    Raises:
        EsrError: ``path`` is a file or a folder that holds something, or it cannot be written.
    """
    check_free(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        yield temporary
        for each in filter(Path.is_file, temporary.rglob("*")):
            with each.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        temporary.rename(path)  # onto an empty folder, too
    except OSError as error:
        told = error.strerror or str(error)
        raise EsrError(f"cannot write {path}: {told}; free the disk or make the folder writable") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def check_free(path: Path) -> None:
    """Raise EsrError where ``path`` is there and not an empty folder."""
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise EsrError(f"{path} is there already and not an empty folder; name another one, or remove it")
