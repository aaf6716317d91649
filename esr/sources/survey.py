"""What a folder of images holds, before it is a source: every image is looked at, none stops the others."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.files import sha256_of
from esr.common.progress import Progress
from esr.images.header import Header, read_header
from esr.images.image_files import SUFFIXES, read_rgb
from esr.images.listing import Below, Complaint, look_below
from esr.packed.manifest import File, SourcePair
from esr.packed.pack_one import Original, PackTask, read_pair
from esr.packed.packing import misfits
from esr.sources.partners import names_of, partners

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Look:
    """An image file that was looked at.

    Attributes:
        path: the file.
        header: what its header says; None where it has none that can be read.
        bytes: size of the file.
        refusal: why `download` or `crop` would refuse it; empty where nothing is known against it.
        decoded: whether its samples were read.
    """

    path: Path
    header: Header | None
    bytes: int
    refusal: str
    decoded: bool


@dataclass(frozen=True)
class Survey:
    """What a folder of HR images holds, and the folder of LR images that goes with it.

    Attributes:
        hr: the folder.
        looks: every HR image, in order of its path.
        usable: what packing would do with those that can be used.
        lr_images: how many LR images there are; None where there is no folder of them.
        refusals: all that `download` or `crop` would refuse, HR and LR.
        others: files that are no images by their suffix.
        same: images whose files hold the same bytes, in groups of two and more.
    """

    hr: Path
    looks: list[Look]
    usable: list[PackTask]
    lr_images: int | None
    refusals: list[Complaint]
    others: list[Path]
    same: list[list[Path]]


def survey(hr: Path, lr: Path | None = None, decode: bool = False) -> Survey:
    """Look at every image below ``hr``, and at its partner below ``lr``.

    Headers are read, and samples only of images of which nothing else tells whether 8-bit RGB holds them.

    Args:
        hr: folder of HR images, searched with its subfolders.
        lr: folder of their LR images: same names, or with x4 behind.
        decode: read the samples of all images, as packing does: so what is damaged behind its header is found, and
            LR that shows another picture.

    Raises:
        EsrError: a folder is missing or holds no images.
    """
    below = _below(hr)
    looks = _each(hr, lambda file: _look(hr / file, decode), below.images)
    names = names_of(below.images)
    refusals = [*below.complaints, *_refusals(looks)]
    if lr is None:
        usable, complaints = _fitting([(name, look, None) for name, look in zip(names, looks, strict=True)])
        return Survey(hr, looks, usable, None, [*refusals, *complaints], below.others, _same(hr, looks))
    below_lr = _below(lr)
    pairs, of_pairing = _paired(names, looks, lr, below_lr, decode)
    usable, of_sizes = _fitting(pairs)
    usable, of_content = _compared(lr, usable) if decode else (usable, [])
    refusals += [*of_pairing, *of_sizes, *of_content]
    return Survey(hr, looks, usable, len(below_lr.images), refusals, below.others, _same(hr, looks))


def _below(folder: Path) -> Below:
    try:
        if not folder.is_dir():
            raise EsrError(f"{folder} is not a folder; name the folder that holds the images")
    except OSError as error:
        raise EsrError(f"{folder} cannot be read ({error.strerror}); name the folder with the images") from error
    below = look_below(folder)
    if not below.images and not below.complaints:
        raise EsrError(f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}); name the folder that holds them")
    return below


def _look(path: Path, decode: bool) -> Look:
    """One image by its header, and by its samples where they are asked for or alone can tell."""
    header, size = None, 0
    try:
        size = path.stat().st_size
        header = read_header(path)
        decode = not header.refusal and (decode or header.unsure)
        if decode:
            read_rgb(path)
        return Look(path, header, size, _why(path, header.refusal), decode)
    except OSError as error:
        return Look(path, header, size, f"cannot be read ({error.strerror}); make it readable, or remove it", decode)
    except EsrError as error:
        return Look(path, header, size, _why(path, str(error)), decode)


def _why(path: Path, refusal: str) -> str:
    """A refusal without the path that it begins with."""
    return refusal.removeprefix(str(path)).lstrip(" :")


def _refusals(looks: Iterable[Look]) -> list[Complaint]:
    return [Complaint(look.path, look.refusal) for look in looks if look.refusal]


def _paired(
    names: Sequence[str], looks: Sequence[Look], folder: Path, below: Below, decode: bool
) -> tuple[list[tuple[str, Look, Look | None]], list[Complaint]]:
    """Name, HR and LR of the images that have both, and what is wrong with LR images and with those that have none."""
    found, alone = partners(names, below.images)
    paired = [(name, look, file) for name, look, file in zip(names, looks, found, strict=True) if file is not None]
    seen = _each(folder, lambda pair: _look(folder / pair[2], decode), paired)
    without = [look.path for look, file in zip(looks, found, strict=True) if file is None]
    complaints = [
        *below.complaints,
        *(Complaint(path, f"has no LR image in {folder}") for path in without),
        *(Complaint(folder / file, "has no HR image") for file in alone),
        *_refusals(seen),
    ]
    return [(name, hr, lr) for (name, hr, _), lr in zip(paired, seen, strict=True)], complaints


def _fitting(images: Iterable[tuple[str, Look, Look | None]]) -> tuple[list[PackTask], list[Complaint]]:
    """What packing would do with images that nothing else is known against, and which have no sizes for it."""
    tasks, complaints = list[PackTask](), list[Complaint]()
    for name, hr, lr in images:
        if hr.header is None or hr.refusal or (lr is not None and lr.refusal):
            continue
        wrong = list(misfits(_pair(name, hr.header, lr.header if lr else None)))
        complaints += [Complaint(hr.path, why) for why in wrong]
        tasks += [] if wrong else [_task(name, hr.header, hr.path, lr.path if lr else None)]
    return tasks, complaints


def _pair(name: str, hr: Header, lr: Header | None) -> SourcePair:
    def file(header: Header) -> File:
        return File(path=name, sha256="", height=header.height, width=header.width)

    return SourcePair(name=name, hr=file(hr), lr=file(lr) if lr else None)


def _task(name: str, header: Header, hr: Path, lr: Path | None) -> PackTask:
    height, width = header.height // SCALE * SCALE, header.width // SCALE * SCALE
    return PackTask(name, Original(hr, ""), Original(lr, "") if lr else None, height, width, 0, None, False)


def _compared(folder: Path, tasks: list[PackTask]) -> tuple[list[PackTask], list[Complaint]]:
    """The tasks whose LR shows what HR shows, and complaints about the others."""

    def why_not(task: PackTask) -> str:
        try:
            read_pair(task)
        except EsrError as error:
            return str(error)
        return ""

    told = list(zip(tasks, _each(folder, why_not, tasks), strict=True))
    wrong = [(task.lr.path, why) for task, why in told if why and task.lr]
    return [task for task, why in told if not why], [Complaint(path, _why(path, why)) for path, why in wrong]


def _same(folder: Path, looks: Iterable[Look]) -> list[list[Path]]:
    """Files of the same bytes; only those of one size are read."""
    by_size = defaultdict[int, list[Path]](list)
    for look in looks:
        if look.header is not None:
            by_size[look.bytes].append(look.path)
    alike = [path for paths in by_size.values() if len(paths) > 1 for path in paths]
    by_content = defaultdict[str, list[Path]](list)
    for path, sha256 in zip(alike, _each(folder, _hash, alike), strict=True):
        by_content[sha256].append(path.relative_to(folder))
    return [paths for sha256, paths in by_content.items() if sha256 and len(paths) > 1]


def _hash(path: Path) -> str:
    """The file's hash; empty where it cannot be read, which its header's reader has told."""
    try:
        return sha256_of(path)
    except OSError:
        return ""


def _each(folder: Path, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``work`` of each item, in as many threads as there are cores: a decoded image may be large."""
    results = []
    with (
        ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool,
        Progress(f"looking at {folder}", len(items), "images") as progress,
    ):
        for result in pool.map(work, items):
            results.append(result)
            progress.add(1)
    return results
