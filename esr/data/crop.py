"""The stage ``crop``: one source cut to multiples of 4 and packed into one store."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esr.data.bicubic import downscale
from esr.data.images import crop_to_multiple, read_rgb
from esr.data.manifest import PackedImage, SetManifest, SourceManifest, Totals, read_manifest, write_manifest
from esr.data.store import HEADER_BYTES, SCALE, header, index_hash
from esr.files import whole_file
from esr.recipes.rows import Crop


def crop(row: Crop, source_manifest: Path, manifest: Path, store: Path) -> None:
    """Cut a source's images to multiples of 4, make the LR images it does not ship, and pack both.

    Args:
        row: the set's row in ``crop``.
        source_manifest: what ``download`` wrote.
        manifest: the set's manifest to write, last.
        store: the packed file to write, beside the manifest.
    """
    source = read_manifest(source_manifest, SourceManifest)
    images, offset = [], HEADER_BYTES
    with whole_file(store) as temporary, temporary.open("wb") as file:
        file.seek(offset)
        for pair in source.images[: row.first]:
            hr = read_rgb(source_manifest.parent / "hr" / pair.hr.path)
            hr = np.ascontiguousarray(crop_to_multiple(hr, SCALE))
            if pair.lr is None:
                lr = downscale(hr)
            else:
                lr = np.ascontiguousarray(read_rgb(source_manifest.parent / "lr" / pair.lr.path))
            images.append(
                PackedImage(
                    name=pair.name,
                    height=hr.shape[0],
                    width=hr.shape[1],
                    hr_offset=offset,
                    hr_sha256=_hash(hr),
                    lr_offset=offset + hr.nbytes,
                    lr_sha256=_hash(lr),
                )
            )
            file.write(hr.data)
            file.write(lr.data)
            offset += hr.nbytes + lr.nbytes
        file.seek(0)
        file.write(header(index_hash(images), offset))
    pixels = sum(image.height * image.width for image in images)
    write_manifest(
        manifest,
        SetManifest(
            stand_in=source.stand_in,
            totals=Totals(images=len(images), pixels=pixels, bytes=offset - HEADER_BYTES),
            source=source.source,
            about=source.about,
            store=store.relative_to(manifest.parent).as_posix(),
            store_bytes=offset,
            index_sha256=index_hash(images),
            images=images,
        ),
    )


def _hash(image: NDArray[np.uint8]) -> str:
    return hashlib.sha256(image.data).hexdigest()
