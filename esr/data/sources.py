"""The stage ``download``: a source's images, wherever they come from, and a manifest that says what they are."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from esr.data.images import image_size
from esr.data.manifest import File, Pair, SourceManifest, Totals, write_manifest
from esr.data.standin import copy_stand_ins
from esr.errors import EsrError
from esr.recipes.rows import Download
from esr.recipes.scale import DataRule


def download(row: Download, rule: DataRule, key: str, manifest: Path) -> None:
    """Bring a source's images to ``hr/`` (and ``lr/``) beside ``manifest``, then write the manifest.

    Args:
        row: the source's row in ``download``.
        rule: which images the scale uses.
        key: the source's name.
        manifest: the file to write, last.

    Raises:
        EsrError: nothing tells where the images come from, or they are not what the row says.
    """
    images = manifest.parent / "hr"
    if rule.stand_in:
        files = copy_stand_ins(row.use, images)
        about = f"stand-in for {key}: photographs that come with scikit-image and scikit-learn"
        _write(manifest, key, about, True, _pairs(files))
    elif row.use == "training" and rule.only_source not in (None, key):
        _write(manifest, key, f"no images of {key}: this scale trains on {rule.only_source} alone", False, [])
    else:
        raise EsrError(f"download.{key}: {row.how or 'give archives or a folder'}")


def _pairs(files: list[Path]) -> list[Pair]:
    with ThreadPoolExecutor() as pool:
        return [Pair(name=Path(file.path).stem, hr=file, lr=None) for file in pool.map(_describe, files)]


def _describe(path: Path) -> File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    height, width = image_size(path)
    return File(path=path.name, sha256=digest, height=height, width=width)


def _write(manifest: Path, source: str, about: str, stand_in: bool, pairs: list[Pair]) -> None:
    pixels = sum(pair.hr.height * pair.hr.width for pair in pairs)
    totals = Totals(images=len(pairs), pixels=pixels, bytes=pixels * 3)
    write_manifest(manifest, SourceManifest(stand_in=stand_in, totals=totals, source=source, about=about, images=pairs))
