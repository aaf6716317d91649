"""What lies beside a source's manifest, held against the manifest."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from esr.common.files import sha256_of
from esr.common.progress import Progress
from esr.images.listing import image_files
from esr.packed.manifest import SourceManifest

IMAGE_FOLDERS = ("hr", "lr")


def all_there(manifest: SourceManifest, folder: Path) -> bool:
    """Whether every file that the manifest lists lies in ``folder``/hr or ``folder``/lr; none is opened."""
    return all((folder / path).is_file() for path in _listed(manifest))


def differences(manifest: SourceManifest, folder: Path) -> list[str]:
    """What is missing in ``folder``/hr and ``folder``/lr, has changed or is not listed; every file is read."""
    listed = _listed(manifest)
    found = {Path(kind, file).as_posix() for kind in IMAGE_FOLDERS for file in _files(folder / kind)}
    present = sorted(listed.keys() & found)
    complaints = [f"{path} is missing" for path in sorted(listed.keys() - found)]
    with ThreadPoolExecutor() as pool, Progress(f"verifying {manifest.source}", len(present), "files") as progress:
        for path, sha256 in zip(present, pool.map(lambda path: sha256_of(folder / path), present), strict=True):
            progress.add(1)
            complaints += [f"{path} has changed"] if sha256 != listed[path] else []
    return [*complaints, *(f"{path} is not in the manifest" for path in sorted(found - listed.keys()))]


def _files(folder: Path) -> list[Path]:
    return image_files(folder) if folder.exists() else []


def _listed(manifest: SourceManifest) -> dict[str, str]:
    """The sha256 of every file, by its path from the manifest's folder."""
    hr = {f"hr/{pair.hr.path}": pair.hr.sha256 for pair in manifest.images}
    return hr | {f"lr/{pair.lr.path}": pair.lr.sha256 for pair in manifest.images if pair.lr}
