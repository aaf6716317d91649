"""The stage ``crop``: one source cut to multiples of 4 and packed into one store."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from esr.common.complaints import writing
from esr.common.errors import printable
from esr.common.factor import SCALE
from esr.common.files import hash_of, sha256_of
from esr.common.hashed_file import FileStat, HashedFile
from esr.common.lock import only_one
from esr.packed.layout import FORMAT, HEADER_BYTES, TRAILER_BYTES, header, trailer
from esr.packed.manifest import (
    PackedImage,
    SetManifest,
    SourceManifest,
    SourcePair,
    Totals,
    read_manifest,
    write_manifest,
)
from esr.packed.packing import pack, store_size, tasks_of
from esr.packed.running_md5 import RunningMd5
from esr.packed.store import index_hash, open_set
from esr.recipes.rows import Crop


def crop(row: Crop, source_manifest: Path, manifest: Path, store: Path) -> HashedFile | None:
    """Cut a source's images to multiples of 4, make the LR images it does not ship, and pack both.

    An interrupted run is gone on with. Of two processes that pack the same set, the second waits for the first
    and finds the work done.

    Args:
        row: the set's row in ``crop``.
        source_manifest: what ``download`` wrote.
        manifest: the set's manifest to write, last.
        store: the packed file to write, in the manifest's folder.

    Returns:
        the md5 of the store, taken while it was written; None where another process has packed it.

    Raises:
        EsrError: images that cannot be used, all named; a full disk.
    """
    source = read_manifest(source_manifest, SourceManifest)
    identity = hash_of([FORMAT, row.model_dump(exclude_defaults=True), sha256_of(source_manifest)])
    with only_one(_beside(store, "lock"), f"packs {store}") as waited:
        if waited and _is_done(manifest, identity):
            return None
        images, hashed = _pack(source, source_manifest.parent, _chosen(row, source), store, identity)
        write_manifest(manifest, _describe(source, images, manifest, store, identity, hashed.stat.size))
        _beside(store, "journal").unlink()
        return hashed


def _chosen(row: Crop, source: SourceManifest) -> list[SourcePair]:
    """The images of the source that the set is made of; says once how many are left out for their size.

    The first images are counted before any is left out: a recipe's "first 10,000 images" are those of the source.
    """
    first, smallest = source.images[: row.first], row.smallest_side or 1
    chosen = [pair for pair in first if min(pair.hr.height, pair.hr.width) >= smallest]
    if len(chosen) < len(first):
        left_out = len(first) - len(chosen)
        _say(f"{source.source}: {left_out} of {len(first)} images have a side below {smallest} px: left out")
    return chosen


def _pack(
    source: SourceManifest, folder: Path, pairs: Sequence[SourcePair], store: Path, identity: str
) -> tuple[list[PackedImage], HashedFile]:
    _say_what_is_cut(source.source, pairs)
    part, journal = _beside(store, "part"), _beside(store, "journal")
    if store.exists() and journal.exists():  # a run that ended between the store and its manifest
        store.replace(part)
    tasks = tasks_of(source.source, folder, pairs)
    size = store_size(tasks)
    md5 = RunningMd5(part, tasks, size)
    images = pack(source.source, tasks, part, journal, identity, md5.take)
    last = trailer(index_hash(images))
    with writing(store):
        with part.open("rb+", buffering=0) as file:
            file.seek(size - TRAILER_BYTES)
            file.write(last)
            file.seek(0)
            file.write(header(size))
            os.fsync(file.fileno())
            stat = FileStat.of(file.fileno())
        part.replace(store)
    return images, HashedFile(stat, md5.end(last))


def _describe(
    source: SourceManifest, images: Sequence[PackedImage], manifest: Path, store: Path, identity: str, size: int
) -> SetManifest:
    pixels = sum(image.height * image.width for image in images)
    return SetManifest(
        stand_in=source.stand_in,
        totals=Totals(images=len(images), pixels=pixels, bytes=size - HEADER_BYTES - TRAILER_BYTES),
        source=source.source,
        about=source.about,
        made_from=identity,
        store=store.relative_to(manifest.parent).as_posix(),
        store_bytes=size,
        index_sha256=index_hash(images),
        images=list(images),
    )


def _say_what_is_cut(source: str, pairs: Sequence[SourcePair]) -> None:
    cut = sum(1 for pair in pairs if pair.hr.height % SCALE or pair.hr.width % SCALE)
    if cut:
        _say(f"{source}: {cut} of {len(pairs)} images are cut at the right or bottom, to multiples of {SCALE}")


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def _is_done(manifest: Path, identity: str) -> bool:
    """Whether another process has packed the same meanwhile."""
    if not manifest.exists() or read_manifest(manifest, SetManifest).made_from != identity:
        return False
    open_set(manifest)
    return True


def _beside(store: Path, what: str) -> Path:
    """A hidden file beside the store, which no driver knows of and so none deletes."""
    return store.with_name(f".{store.name}.{what}")
