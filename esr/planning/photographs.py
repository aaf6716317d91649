"""Photographs to plan with: the stand-ins, mirrored until any patch fits into them, packed as every set is."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esr.common.factor import SCALE
from esr.images.image_files import list_images, read_rgb, write_png
from esr.packed.crop import crop
from esr.packed.store import PackedSet, open_set
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.sources.standin import copy_stand_ins

PHOTOGRAPHS = 4
"""How many are packed: enough to time packing by, few enough to take a second or two."""


@dataclass(frozen=True)
class Photographs:
    """A packed set of photographs, and what packing it took.

    Attributes:
        images: the set.
        seconds_per_pixel: of finding, hashing, shrinking and packing an HR pixel.
    """

    images: PackedSet
    seconds_per_pixel: float


def pack_photographs(folder: Path, smallest_side: int) -> Photographs:
    """Pack photographs whose sides are at least ``smallest_side`` HR px into ``folder``."""
    copy_stand_ins("training", folder / "photographs")
    for path in list_images(folder / "photographs")[:PHOTOGRAPHS]:
        image = read_rgb(path)
        room = [(0, max(smallest_side - side, -side % SCALE)) for side in image.shape[:2]]
        write_png(folder / "hr" / f"{path.stem}.png", np.pad(image, (*room, (0, 0)), mode="symmetric"))
    row = Download(use="training", folder=str(folder / "hr"))
    source, manifest = folder / "source" / "manifest.json", folder / "set" / "manifest.json"
    start = time.perf_counter()
    download(row, DataRule(stand_in=False, only_source=None), "photographs", source)
    crop(Crop(source="photographs"), source, manifest, manifest.with_name("images.store"))
    seconds = time.perf_counter() - start
    images = open_set(manifest)
    return Photographs(images, seconds / float(images.sizes.prod(axis=1).sum()))
