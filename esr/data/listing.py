"""The image files below a folder: which files count as images is decided here alone."""

import os
from pathlib import Path

from esr.data.images import SUFFIXES


def image_files(folder: Path) -> list[Path]:
    """The image files below ``folder``, relative to it, sorted; hidden files and folders are passed over."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name).relative_to(folder) for name in files if _is_image(name)]
    return sorted(found, key=Path.as_posix)


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
