"""Names of images by their files, and which LR image goes with which HR image."""

from collections.abc import Sequence
from pathlib import Path

_LR_SUFFIXES = ("", "x4", "_x4", "-x4", "X4", "_X4")  # 0001.png goes with 0001x4.png in DIV2K


def names_of(files: Sequence[Path]) -> list[str]:
    """The stems of the files where they differ; else the paths without suffix; else the paths."""
    for naming in (lambda file: file.stem, lambda file: file.with_suffix("").as_posix(), Path.as_posix):
        names = [naming(file) for file in files]
        if len(set(names)) == len(names):
            break
    return names


def partners(names: Sequence[str], files: Sequence[Path]) -> tuple[list[Path | None], list[Path]]:
    """For each HR image's name the LR file that goes with it, and the LR files that go with none."""
    by_name = dict(zip(names_of(files), files, strict=True))
    found = [next((by_name.pop(name + end) for end in _LR_SUFFIXES if name + end in by_name), None) for name in names]
    return found, list(by_name.values())
