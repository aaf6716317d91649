"""The stage ``download``: a source's images, wherever they come from, and a manifest that says what they are.

The images lie in ``hr/`` (and ``lr/``) beside the manifest: stand-ins as copies, anything else as a link to the
user's folder or to where the archives were unpacked. Archives lie apart from any scale's data, so that scales
share them and that a driver, which deletes a job's outputs before it starts the job again, deletes none.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from esr.common.complaints import writing
from esr.common.errors import EsrError
from esr.common.files import hash_of, sha256_of, write_text
from esr.common.lock import only_one
from esr.images.listing import image_files
from esr.packed.manifest import SourceManifest, Totals, read_manifest, write_manifest
from esr.recipes.rows import Archive, Download
from esr.recipes.scale import DataRule
from esr.sources.checksums import CHECKSUM_FILE, record_checksum, recorded
from esr.sources.collect import collect
from esr.sources.fetch import downloads, fetch, file_name
from esr.sources.origin import column_of, folder_at, refuse_missing, row_in_use, why_empty
from esr.sources.standin import copy_stand_ins
from esr.sources.unpack import unpack
from esr.sources.verify import all_there, differences


def download(row: Download, rule: DataRule, key: str, manifest: Path) -> None:
    """Have a source's images lie in ``hr/`` and ``lr/`` beside ``manifest``, then write the manifest.

    Args:
        row: the source's row in ``download``.
        rule: which images the scale uses.
        key: the source's name.
        manifest: the file to write, last.

    Raises:
        EsrError: nothing tells where the images come from, they cannot be had, or are not what the row says.
    """
    stand_in, about = _lay_out(row, rule, key, manifest.parent)
    hr, lr = manifest.parent / "hr", manifest.parent / "lr"
    expected = None if rule.stand_in else row_in_use(row, rule, key).images
    pairs = collect(key, hr, lr if lr.exists() else None, expected) if hr.exists() else []
    pixels = sum(pair.hr.height * pair.hr.width for pair in pairs)
    totals = Totals(images=len(pairs), pixels=pixels, bytes=pixels * 3)
    write_manifest(manifest, SourceManifest(stand_in=stand_in, totals=totals, source=key, about=about, images=pairs))


def bring_back(row: Download, rule: DataRule, key: str, manifest: Path) -> None:
    """Have the images that a manifest lists lie beside it, where it came without them, as a clone's does.

    They come from where :func:`download` has them from, and are held against the manifest, which stays as it is.
    Where every file is there already, nothing is done and nothing is read.

    Args:
        row: the source's row in ``download``.
        rule: which images the scale uses.
        key: the source's name.
        manifest: what ``download`` wrote, here or elsewhere.

    Raises:
        EsrError: the images cannot be had, or are others than the manifest lists, all named.
    """
    known = read_manifest(manifest, SourceManifest)
    if all_there(known, manifest.parent):
        return
    with only_one(manifest.parent / ".lock", f"brings back the images of {key}"):
        if all_there(known, manifest.parent):  # another process has brought them
            return
        print(f"{key}: its manifest is here without its images, which are brought back", file=sys.stderr, flush=True)
        _lay_out(row, rule, key, manifest.parent)
        complaints = differences(known, manifest.parent)
    if complaints:
        raise EsrError(
            f"{key}: its images are not those of {manifest}: {'; '.join(complaints)}; put them right, "
            f"or run `esr download {key}`, after which what follows is made again"
        )


def _lay_out(row: Download, rule: DataRule, key: str, folder: Path) -> tuple[bool, str]:
    """Have the source's images lie in ``folder``/hr and /lr; give whether they stand in, and what there is to say."""
    hr, lr = folder / "hr", folder / "lr"
    row, column = row_in_use(row, rule, key), column_of(rule, key)
    if row.lr_folder is not None and row.folder is None:
        raise EsrError(f"{column}.lr_folder belongs to a folder of HR images; name that in folder, or remove it")
    with writing(folder):
        _clear(hr)
        _clear(lr)
    if (why := why_empty(row, rule, key)) is not None:
        return False, f"no images of {key}: {why}"
    if rule.stand_in:
        copy_stand_ins(row.use, hr)
        return True, f"stand-in for {key}: photographs that come with scikit-image and scikit-learn"
    refuse_missing(row, rule, key)
    if key in rule.in_place_of:
        _link(hr, lr, *_real(row, column, f"{key}-stand-in"))
        return True, f"stand-in for {key}: {row.title or 'other photographs'}"
    _link(hr, lr, *_real(row, column, key))
    return False, f"the images of {key}"


def _real(row: Download, column: str, key: str) -> tuple[Path, Path | None]:
    """The folders of the row's HR images and, where it ships them, LR images; archives are unpacked under ``key``."""
    if row.folder is not None:
        hr = _folder(f"{column}.folder", row.folder, row.how)
        return hr, None if row.lr_folder is None else _folder(f"{column}.lr_folder", row.lr_folder, None)
    named: dict[str, str] = {}
    for archive in row.archives:
        if named.setdefault(file_name(archive), archive.url) != archive.url:
            both = f"{named[file_name(archive)]} and {archive.url}"
            raise EsrError(f"{column}: {both} have one file name; put one of them into a source of its own")
    archives = downloads()
    folder, shared = archives / key, archives / (row.archives_in or key)
    with only_one(shared / ".lock", f"downloads {key}"):
        for archive in row.archives:
            _have(archive, shared, folder)
        _forget_others(row.archives, folder)
    return folder / "hr", folder / "lr" if any(archive.holds == "lr" for archive in row.archives) else None


def _folder(column: str, name: str, how: str | None) -> Path:
    """The folder that a column of the row names: there, readable and with images in it."""
    folder = folder_at(column, name, how)
    if not image_files(folder):
        raise EsrError(f"{column}: {name} holds no images; {how or 'name the one with the images'}")
    return folder


def _have(archive: Archive, archives: Path, folder: Path) -> None:
    """Have the archive's images lie in ``folder``/hr/NAME or /lr/NAME; it lies in ``archives``, not needed any more."""
    known = None if archive.images_sha256 else recorded(CHECKSUM_FILE, archive.url)
    unpacked = folder / archive.holds / file_name(archive)
    stamp = folder / archive.holds / f".{file_name(archive)}.sha256"
    sha256 = archive.images_sha256 or archive.sha256 or (known.sha256 if known else None)
    if sha256 and unpacked.is_dir() and stamp.exists() and stamp.read_text() == _stamp(sha256, archive, unpacked):
        return
    checksum = fetch(archive, archives, known)
    shutil.rmtree(unpacked, ignore_errors=True)
    stamp.unlink(missing_ok=True)
    unpack(archives / file_name(archive), unpacked, archive.only)
    if archive.images_sha256:
        _verify_images(archive, archives / file_name(archive), unpacked)
    write_text(stamp, _stamp(sha256 or checksum.sha256, archive, unpacked))
    if sha256 is None:  # unpacked well, so these are an archive's bytes and all of them
        record_checksum(CHECKSUM_FILE, archive.url, checksum)


def _verify_images(archive: Archive, path: Path, unpacked: Path) -> None:
    """Hold what was unpacked against the row's checksum of it; images that are others are removed.

    Raises:
        EsrError: the images, or their names, are not those that the row means.
    """
    found = checksum_of_images(unpacked)
    if found != archive.images_sha256:
        shutil.rmtree(unpacked)
        raise EsrError(
            f"{path}: its images {archive.only or '*'} have images_sha256 {found} instead of {archive.images_sha256}; "
            "delete it to download it again"
        )


def checksum_of_images(folder: Path) -> str:
    """The sha256 of what ``sha256sum`` prints of a folder's images, in the order of their paths."""
    lines = [f"{sha256_of(folder / file)}  {file.as_posix()}\n" for file in image_files(folder)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _forget_others(archives: list[Archive], folder: Path) -> None:
    """Remove what was unpacked of archives that the row does not name any more; the archives themselves stay."""
    named = {folder / archive.holds / file_name(archive) for archive in archives}
    for unpacked in [*folder.glob("hr/*"), *folder.glob("lr/*")]:
        if unpacked.is_dir() and unpacked not in named:
            shutil.rmtree(unpacked)


def _stamp(sha256: str, archive: Archive, unpacked: Path) -> str:
    """What is unpacked: of which archive, which members, and by their names, sizes and times that none has changed."""
    files = [(file, (unpacked / file).stat()) for file in image_files(unpacked)]
    unchanged = hash_of([[file.as_posix(), stat.st_size, int(stat.st_mtime)] for file, stat in files])
    return f"{sha256} {archive.only or '*'} {unchanged}"


def _link(hr: Path, lr: Path, hr_target: Path, lr_target: Path | None) -> None:
    with writing(hr.parent):
        hr.parent.mkdir(parents=True, exist_ok=True)
        hr.symlink_to(hr_target.resolve())
        if lr_target is not None:
            lr.symlink_to(lr_target.resolve())


def _clear(place: Path) -> None:
    """Remove what an earlier run left there: a link, never what it points to, or copies of ours."""
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)
