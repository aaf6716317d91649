"""What ``esr inspect`` prints of a source, a set or a store."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from esr.common.complaints import refuse
from esr.common.errors import EsrError, printable
from esr.common.factor import SCALE
from esr.common.files import read_json
from esr.common.progress import Progress
from esr.packed.manifest import SourceManifest, Totals, read_manifest
from esr.packed.store import PackedSet, Part, open_set
from esr.sources.verify import differences

MANIFEST = "manifest.json"


def inspect(path: Path, verify: bool = False) -> str:
    """Describe a manifest, or the store or folder that one lies beside or in: lines that do nothing to a terminal.

    Args:
        path: manifest of a source, a set or a join; a store; or a folder with a manifest.
        verify: read every sample of the set, or every file of the source, and hold it against the manifest's hashes.

    Raises:
        EsrError: nothing of ours lies there, or it is damaged.
    """
    manifest = _manifest_of(path)
    content = read_json(manifest)
    if isinstance(content, dict) and content.get("kind") == "source":
        source = read_manifest(manifest, SourceManifest)
        return _shown([*_of_source(manifest, source), *(_verified(source, manifest) if verify else [])])
    packed_set = open_set(manifest)
    lines = list(_of_set(packed_set))
    if verify:
        _verify(packed_set)
        lines.append(f"every sample of {len(packed_set)} HR and LR images has the hash in its manifest")
    return _shown(lines)


def _shown(lines: list[str]) -> str:
    return "\n".join(map(printable, lines))  # images have the names that an archive gave them


def _manifest_of(path: Path) -> Path:
    for manifest in (path / MANIFEST, path.parent / MANIFEST):
        if manifest.is_file() and path.name != MANIFEST:
            return manifest
    if path.is_file() and path.suffix == ".json":
        return path
    raise EsrError(f"{path} has no {MANIFEST} in it or beside it; name a set, a source or a store")


def _of_source(path: Path, manifest: SourceManifest) -> Iterator[str]:
    yield f"{path}: source {manifest.source}"
    yield f"  {manifest.about}"
    yield f"  {_sum(manifest.totals)}"
    if manifest.images:
        shipped = manifest.images[0].lr is not None
        sizes = np.array([(pair.hr.height, pair.hr.width) for pair in manifest.images])
        yield f"  {_range([pair.name for pair in manifest.images], sizes)}"
        yield "  LR images shipped" if shipped else "  no LR images: cropping makes them by bicubic"


def _of_set(packed_set: PackedSet) -> Iterator[str]:
    parts = "1 part" if len(packed_set.parts) == 1 else f"{len(packed_set.parts)} parts"
    yield f"{packed_set.manifest}: set of {len(packed_set):,} images in {parts}"
    for part in packed_set.parts:
        yield from _of_part(part)
    if len(packed_set):
        yield f"  {_range(packed_set.names, packed_set.sizes)}"
        yield f"  serves patches up to {packed_set.sizes.min() // SCALE * SCALE} px"


def _of_part(part: Part) -> Iterator[str]:
    pixels = sum(image.height * image.width for image in part.images)
    totals = Totals(images=len(part.images), pixels=pixels, bytes=part.store_bytes)
    yield f"  {part.source}: {part.about}"
    yield f"    {_sum(totals)} in {part.store}, index {part.index_sha256[:16]}"


def _sum(totals: Totals) -> str:
    return f"{totals.images:,} images, {totals.pixels / 1e6:,.1f} MP of HR, {totals.bytes / 1e6:,.1f} MB uncompressed"


def _range(names: list[str], sizes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    area = sizes.prod(axis=1)
    small, large = int(area.argmin()), int(area.argmax())
    ends = [f"{names[i]} ({sizes[i, 1]}x{sizes[i, 0]} px)" for i in (small, large)]
    return f"smallest {ends[0]}, largest {ends[1]}"


def _verified(source: SourceManifest, manifest: Path) -> Iterator[str]:
    complaints = differences(source, manifest.parent)
    if complaints:
        raise EsrError(f"{manifest}: {'; '.join(complaints)}; run `esr download {source.source}`")
    yield f"every file of {len(source.images)} images has the hash in the manifest, and there is no other"


def _verify(packed_set: PackedSet) -> None:
    indexed = [(part, place) for part in packed_set.parts for place in range(len(part.images))]
    complaints = []
    with ThreadPoolExecutor() as pool, Progress("verifying", len(indexed), "images") as progress:
        for complaint in pool.map(lambda item: _complaint(*item), indexed):
            progress.add(1)
            complaints += [complaint] if complaint else []
    refuse(str(packed_set.manifest), complaints)


def _complaint(part: Part, place: int) -> str:
    image = part.images[place]
    hashes = [hashlib.sha256(view.data).hexdigest() for view in (part.hr(place), part.lr(place))]
    if hashes == [image.hr_sha256, image.lr_sha256]:
        return ""
    return f"{image.name} in {part.store} has changed since it was packed"
