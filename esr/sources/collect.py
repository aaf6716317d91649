"""Which images a source has: found, measured, hashed and paired, with all complaints in one error."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from esr.common.complaints import refuse
from esr.common.errors import EsrError
from esr.common.files import sha256_of
from esr.common.progress import Progress
from esr.images.image_files import image_size, is_grey
from esr.images.listing import image_files
from esr.packed.manifest import File, SourcePair
from esr.sources.partners import names_of, partners

Item = TypeVar("Item")
Result = TypeVar("Result")


def collect(source: str, hr: Path, lr: Path | None, expected: int | None = None) -> list[SourcePair]:
    """Describe the images below ``hr``, each with its partner below ``lr``, in order of their paths.

    Args:
        source: the source's name, for complaints.
        hr: folder of HR images, searched with its subfolders.
        lr: folder of LR images, if the source ships them: same names, or names that only their marks tell apart,
            as 0001 and 0001x4, or img_HR and img_LR.
        expected: how many HR images there must be.

    Raises:
        EsrError: no images, not as many as expected, images that cannot be read, images without a partner.
    """
    files = _below(source, hr)
    if expected is not None and len(files) != expected:
        raise EsrError(f"{source}: {hr} holds {len(files)} images instead of {expected}; fetch the source again")
    names = names_of(files)
    described = _each(source, lambda file: _describe(hr, file), files)
    if lr is None:
        return [SourcePair(name=name, hr=file, lr=None) for name, file in zip(names, described, strict=True)]
    partners = _partners(source, names, lr)
    shrunk = _each(source, lambda file: _describe(lr, file), partners)
    return [SourcePair(name=n, hr=h, lr=s) for n, h, s in zip(names, described, shrunk, strict=True)]


def _below(source: str, folder: Path) -> list[Path]:
    """The image files below ``folder``, relative to it, sorted; at least one."""
    if not folder.is_dir():
        raise EsrError(f"{source}: {folder} is not a folder; name the folder that holds the images")
    found = image_files(folder)
    if not found:
        raise EsrError(f"{source}: {folder} holds no images; name the folder that holds them")
    return found


def _partners(source: str, names: list[str], folder: Path) -> list[Path]:
    found, alone = partners(names, _below(source, folder))
    complaints = [f"{name} has no LR image in {folder}" for name, file in zip(names, found, strict=True) if not file]
    refuse(source, [*complaints, *(f"{folder / file} has no HR image" for file in alone)])
    return [file for file in found if file]


def _each(source: str, work: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    """``work`` of each item, in threads; the complaints of all items become one."""

    def attempt(item: Item) -> tuple[Result | None, str]:
        try:
            return work(item), ""
        except EsrError as error:
            return None, str(error)

    results, complaints = [], []
    with ThreadPoolExecutor() as pool, Progress(f"reading {source}", len(items), "images") as progress:
        for result, complaint in pool.map(attempt, items):
            progress.add(1)
            if result is None:
                complaints.append(complaint)
            else:
                results.append(result)
    refuse(source, complaints)
    return results


def _describe(folder: Path, file: Path) -> File:
    height, width = image_size(folder / file)
    sha256, grey = sha256_of(folder / file), is_grey(folder / file)
    return File(path=file.as_posix(), sha256=sha256, height=height, width=width, grey=grey)
