"""Sets made of small images by the stages themselves."""

from pathlib import Path
from typing import Any

from esr.packed.crop import crop
from esr.packed.store import PackedSet, open_set
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from tests.small_images import coded_pairs

REAL = DataRule(stand_in=False, only_source=None)


def source_of(folder: Path, name: str = "photos", lr: bool = True) -> Path:
    """The manifest of a source made of ``folder``/hr and, if wanted, ``folder``/lr."""
    manifest = folder / "sources" / name / "manifest.json"
    row = Download(use="training", folder=str(folder / "hr"), lr_folder=str(folder / "lr") if lr else None)
    download(row, REAL, name, manifest)
    return manifest


def packed(source: Path, folder: Path, **columns: Any) -> Path:
    """The manifest of a set packed into ``folder`` from a source."""
    manifest = folder / "manifest.json"
    crop(Crop(source="photos", **columns), source, manifest, folder / "images.store")
    return manifest


def coded_set(folder: Path, sizes: list[tuple[int, int]], name: str = "photos") -> PackedSet:
    """A packed set of coded images (see small_images) of these heights and widths."""
    coded_pairs(folder, sizes)
    return open_set(packed(source_of(folder, name), folder / "sets" / name))
