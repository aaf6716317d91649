"""Names of images by their files, and which LR image goes with which HR image."""

from collections.abc import Sequence
from pathlib import Path

from esr.images.pairs import shown_by


def names_of(files: Sequence[Path]) -> list[str]:
    """The stems of the files where they differ; else the paths without suffix; else the paths."""
    for naming in (lambda file: file.stem, lambda file: file.with_suffix("").as_posix(), Path.as_posix):
        names = [naming(file) for file in files]
        if len(set(names)) == len(names):
            break
    return names


def partners(names: Sequence[str], files: Sequence[Path]) -> tuple[list[Path | None], list[Path]]:
    """For each HR image's name the LR file that goes with it, and the LR files that go with none.

    The file of the same name, or else one that marks of LR, HR and scale alone tell apart: 0001 and 0001x4 in DIV2K.
    """
    left = dict(zip(names_of(files), files, strict=True))
    found = {name: left.pop(name) for name in names if name in left}
    by_content = {shown_by(name): name for name in left}
    for name in names:
        if name not in found and (partner := by_content.pop(shown_by(name), None)):
            found[name] = left.pop(partner)
    return [found.get(name) for name in names], list(left.values())
