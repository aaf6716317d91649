"""Errors about images: all complaints about a source in one, and what the system says of a file being written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from esr.common.errors import EsrError


def refuse(source: str, complaints: Iterable[str]) -> None:
    """Raise one EsrError that holds all complaints about images of ``source``, if there are any."""
    found = list(complaints)
    if found:
        count = "an image" if len(found) == 1 else f"{len(found)} images"
        raise EsrError(f"{source}: {count} cannot be used: {'; '.join(found)}")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says while ``path`` is written into one line that names it and the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise EsrError(f"cannot write {path}: {reason}; free the disk, or make the folder writable") from error
