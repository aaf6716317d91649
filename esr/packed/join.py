"""The stage ``join``: a set made of two sets, which are referred to and not copied."""

import os
from pathlib import Path

from esr.common.files import sha256_of
from esr.packed.manifest import JoinManifest, PartReference, SetManifest, Totals, read_set, write_manifest


def join(first: Path, second: Path, manifest: Path) -> None:
    """Write the manifest of a set whose parts are those of ``first``, then those of ``second``.

    Args:
        first: manifest of a set, packed or itself a join.
        second: manifest of another one.
        manifest: the manifest to write.
    """
    parts = [*_parts(first, manifest.parent), *_parts(second, manifest.parent)]
    totals = Totals(
        images=sum(part.totals.images for part in parts),
        pixels=sum(part.totals.pixels for part in parts),
        bytes=sum(part.totals.bytes for part in parts),
    )
    write_manifest(manifest, JoinManifest(stand_in=any(part.stand_in for part in parts), totals=totals, parts=parts))


def _parts(path: Path, folder: Path) -> list[PartReference]:
    content = read_set(path)
    if isinstance(content, SetManifest):
        return [
            PartReference(
                manifest=os.path.relpath(path, folder),
                sha256=sha256_of(path),
                source=content.source,
                stand_in=content.stand_in,
                totals=content.totals,
            )
        ]
    return [
        part.model_copy(update={"manifest": os.path.relpath(path.parent / part.manifest, folder)})
        for part in content.parts
    ]
