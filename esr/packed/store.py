"""The packed store: every HR and LR image of a set in one uncompressed file, read through a memory map.

Reading a crop touches the crop's own rows and nothing else. The index lies in the manifest; the store's last bytes are
the index's hash, so that a store that is truncated, of another version or of another set is refused before a byte of it
is used. What lies where in the file is said in :mod:`esr.packed.layout`.
"""

import hashlib
import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.files import sha256_of
from esr.images.arrays import ByteImage
from esr.packed.layout import FORMAT, HEADER_BYTES, TRAILER_BYTES, header, trailer, version, view
from esr.packed.manifest import JoinManifest, PackedImage, SetManifest, read_manifest, read_set


@dataclass(frozen=True)
class Part:
    """One packed store of a set, and the source that it came from."""

    manifest: Path
    source: str
    stand_in: bool
    about: str
    store: Path
    images: Sequence[PackedImage]
    index_sha256: str
    store_bytes: int

    @cached_property
    def _map(self) -> mmap.mmap:
        handle = os.open(self.store, os.O_RDONLY)
        try:
            return mmap.mmap(handle, 0, prot=mmap.PROT_READ)
        finally:
            os.close(handle)

    @cached_property
    def samples(self) -> NDArray[np.uint8]:
        """The whole store as one read-only row of bytes, mapped when it is first asked for."""
        return np.frombuffer(self._map, np.uint8)

    def announce(self, begin: int, size: int) -> None:
        """Have the kernel begin to read these bytes from disk, many requests at a time and in large pieces.

        Otherwise it reads when a row is touched, one small piece after the other: five to nine times slower.
        """
        page = begin // mmap.PAGESIZE * mmap.PAGESIZE
        self._map.madvise(mmap.MADV_WILLNEED, page, begin + size - page)

    def hr(self, index: int) -> ByteImage:
        """The HR image at ``index`` of this part: uint8, (H, W, 3), a view into the store."""
        image = self.images[index]
        return view(self.samples, image.hr_offset, image.height, image.width)

    def lr(self, index: int) -> ByteImage:
        """The LR image at ``index`` of this part: uint8, (H / 4, W / 4, 3), a view into the store."""
        image = self.images[index]
        return view(self.samples, image.lr_offset, image.height // SCALE, image.width // SCALE)


class PackedSet:
    """The images of a set, in the order of its parts and of their names, read straight from the stores."""

    def __init__(self, manifest: Path, parts: Sequence[Part]) -> None:
        self.manifest = manifest
        self.parts = tuple(parts)
        self._places = [(part, index) for part in self.parts for index in range(len(part.images))]
        self._pairs: list[tuple[ByteImage, ByteImage] | None] = [None] * len(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def stand_in(self) -> bool:
        """Whether any part of the set only stands in for its source."""
        return any(part.stand_in for part in self.parts)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each HR image: (number of images, 2)."""
        sizes = [(image.height, image.width) for part in self.parts for image in part.images]
        return np.array(sizes, np.int64).reshape(-1, 2)

    @cached_property
    def names(self) -> list[str]:
        """A name per image, such as ``0801``; with the source before it where a set has several parts."""
        if len(self.parts) == 1:
            return [image.name for image in self.parts[0].images]
        return [f"{part.source}/{image.name}" for part in self.parts for image in part.images]

    def hr(self, index: int) -> ByteImage:
        """The HR image at ``index``: uint8, (H, W, 3), a view into the store."""
        return self.pair(index)[1]

    def lr(self, index: int) -> ByteImage:
        """The LR image at ``index``: uint8, (H / 4, W / 4, 3), a view into the store."""
        return self.pair(index)[0]

    def pair(self, index: int) -> tuple[ByteImage, ByteImage]:
        """The LR and the HR image at ``index``.

        Views are made once, because a small crop costs no more than they do. If memory can hold the set, the first
        use of an image also has all of it read ahead.
        """
        pair = self._pairs[index]
        if pair is None:
            part, place = self._places[index]
            pair = self._pairs[index] = part.lr(place), part.hr(place)
            if not self.larger_than_memory:
                part.announce(part.images[place].hr_offset, pair[0].nbytes + pair[1].nbytes)
        return pair

    @cached_property
    def larger_than_memory(self) -> bool:
        """Whether the stores exceed half of the machine's memory, so that most crops come from disk."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return sum(part.store_bytes for part in self.parts) > memory // 2

    def announce_crop(self, index: int, top: int, rows: int) -> None:
        """Have ``rows`` rows of LR from ``top`` on, and the HR rows that they stand for, read ahead from disk."""
        part, place = self._places[index]
        image = part.images[place]
        lr_row, hr_rows = image.width // SCALE * 3, SCALE * image.width * 3
        part.announce(image.lr_offset + top * lr_row, rows * lr_row)
        part.announce(image.hr_offset + top * hr_rows, rows * hr_rows)


def open_set(manifest: Path) -> PackedSet:
    """Open a set, packed or joined, after checking that its stores are those that the manifests describe.

    Raises:
        EsrError: a manifest or a store is missing, truncated, of another version, or changed since the join.
    """
    content = read_set(manifest)
    if isinstance(content, SetManifest):
        return PackedSet(manifest, [_open_part(manifest, content)])
    return PackedSet(manifest, _open_join(manifest, content))


def index_hash(images: Sequence[PackedImage]) -> str:
    """The sha256 of an index: of what lies where, and of the samples."""
    index = [image.model_dump() for image in images]
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def _open_join(manifest: Path, content: JoinManifest) -> list[Part]:
    parts = []
    for reference in content.parts:
        path = Path(os.path.normpath(manifest.parent / reference.manifest))
        part = _open_part(path, read_manifest(path, SetManifest))
        if sha256_of(path) != reference.sha256:
            raise EsrError(f"{path} has changed since {manifest} joined it; run the join again")
        parts.append(part)
    return parts


def _open_part(manifest: Path, content: SetManifest) -> Part:
    if index_hash(content.images) != content.index_sha256:
        why = "its list of images has another hash than the one in it"
        raise EsrError(f"{manifest} has been changed: {why}; delete it and run the stage that makes it")
    part = Part(
        manifest=manifest,
        source=content.source,
        stand_in=content.stand_in,
        about=content.about,
        store=manifest.parent / content.store,
        images=content.images,
        index_sha256=content.index_sha256,
        store_bytes=content.store_bytes,
    )
    _check_store(part)
    return part


def _check_store(part: Part) -> None:
    remedy = f"delete it and {part.manifest}, and run the stage that packs it"
    try:
        with part.store.open("rb") as file:
            start = file.read(HEADER_BYTES)
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TRAILER_BYTES))
            end = file.read(TRAILER_BYTES)
    except FileNotFoundError as error:
        raise EsrError(f"{part.store} is missing; delete {part.manifest} and run the stage that packs it") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise EsrError(f"{part.store} cannot be read: {reason}; {remedy}") from error
    found = version(start)
    if found is None:
        raise EsrError(f"{part.store} is not a finished store; {remedy}")
    if found != FORMAT:
        raise EsrError(f"{part.store} is a store of version {found}, this is version {FORMAT}; {remedy}")
    if size != part.store_bytes:
        raise EsrError(f"{part.store} has {size:,} bytes instead of {part.store_bytes:,}; {remedy}")
    if start != header(part.store_bytes) or end != trailer(part.index_sha256):
        raise EsrError(f"{part.store} is not the store that {part.manifest} describes; {remedy}")
