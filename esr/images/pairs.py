"""HR images and their partners, LR or restored, matched by name whatever the set's habit.

The habits: one name in two folders (Set5, Set14, B100); 0801.png and 0801x4.png (DIV2K); img_001_SRF_4_HR.png and
img_001_SRF_4_LR.png, also in one folder (Urban100); baby_HR_x4.png and baby_LRBI_x4.png.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from esr.common.complaints import refuse
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.images.image_files import image_size, list_images

_MARKS = re.compile(r"([-_]?x4|[-_](hr|gt|lr|lrbi|sr))+$", re.IGNORECASE)
_HR_MARKS = re.compile(r"[-_](hr|gt)([-_]?x4)?$", re.IGNORECASE)


class Pair(NamedTuple):
    """An HR image and its partner; the name is the HR file's, without its suffix."""

    name: str
    hr: Path
    partner: Path


def pair_with_lr(hr: Path, lr: Path) -> list[Pair]:
    """Pair the HR images of one folder with the LR images of another, or of the same one, in order of their names.

    Raises:
        EsrError: images without a partner, or whose LR is not a quarter of them (rounded up or down), all of them
            named; or one folder in which none is marked as HR.
    """
    return _checked(_pair(hr, lr), lr, lambda side: {side // SCALE, -(-side // SCALE)})


def pair_with_sr(hr: Path, sr: Path) -> list[Pair]:
    """Pair the HR images of one folder with the restored images of another, in order of their names.

    Raises:
        EsrError: images without a partner, or whose restored image has neither their size nor that size cropped or
            filled up to a multiple of 4; all are named.
    """
    return _checked(_pair(hr, sr), sr, lambda side: {side, side // SCALE * SCALE, -(-side // SCALE) * SCALE})


def _pair(hr: Path, other: Path) -> list[Pair]:
    originals, partners = list_images(hr), list_images(other)
    together = os.path.realpath(hr) == os.path.realpath(other)
    if together:
        originals = [path for path in originals if _HR_MARKS.search(path.stem)]
        partners = [path for path in partners if not _HR_MARKS.search(path.stem)]
        if not originals:
            raise EsrError(f"{hr} is named twice, and no image in it is marked as HR by its name; name two folders")
    named, found = _by_content(originals), _by_content(partners)
    complaints = [_ambiguous(paths) for paths in (*named.values(), *found.values()) if len(paths) > 1]
    complaints += [f"{paths[0].name} has no partner in {other}" for name, paths in named.items() if name not in found]
    if not together:
        complaints += [f"{paths[0].name} has no HR image in {hr}" for name, paths in found.items() if name not in named]
    refuse(f"{hr} and {other}", complaints)
    return [Pair(paths[0].stem, paths[0], found[name][0]) for name, paths in named.items()]


def shown_by(name: str) -> str:
    """What a file shows, by its name without suffix: the name without the marks of LR, HR and scale."""
    return _MARKS.sub("", name).casefold()


def _by_content(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """The files by what they show."""
    files = defaultdict[str, list[Path]](list)
    for path in paths:
        files[shown_by(path.stem)].append(path)
    return files


def _ambiguous(paths: Iterable[Path]) -> str:
    return f"{' and '.join(path.name for path in paths)} are named as one image"


def _checked(pairs: list[Pair], folder: Path, allowed: Callable[[int], set[int]]) -> list[Pair]:
    complaints = []
    for pair in pairs:
        try:
            height, width = image_size(pair.hr)
            own_height, own_width = image_size(pair.partner)
        except EsrError as error:
            complaints.append(str(error))
            continue
        if own_height not in allowed(height) or own_width not in allowed(width):
            complaints.append(f"{pair.partner.name} is {own_width}x{own_height} px for {width}x{height} px of HR")
    refuse(str(folder), complaints)
    return pairs
