"""Packing a source's images into a store: with all cores, in bounded memory, going on where it was interrupted.

Where each image will lie is known before the first one is read, from the sizes in the source's manifest. So
worker processes decode, cut, shrink and write straight to the image's place in the file, one image each at a
time, and the order in which they finish leaves no trace in the bytes. What is done is noted in a journal with
the hash of the samples; a later run keeps what still has that hash.
"""

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from esr.data.bicubic import downscale
from esr.data.complaints import refuse, writing
from esr.data.images import crop_to_multiple, read_rgb
from esr.data.manifest import PackedImage, Pair
from esr.data.progress import Progress
from esr.data.store import HEADER_BYTES, SCALE
from esr.errors import EsrError
from esr.files import write_text

ANOTHER_PICTURE = 45.0
"""Root mean square difference, in levels of 255, between LR and block means of HR above which they are two pictures."""

_WORTH_A_POOL = 20_000_000  # pixels; fewer are packed sooner than worker processes have started
_AHEAD = 4  # tasks handed out per worker


class Task(NamedTuple):
    """One image to pack: its files, its place in the store, and the hashes that an earlier run noted for it."""

    name: str
    hr: Path
    lr: Path | None
    height: int
    width: int
    offset: int
    noted: tuple[str, str] | None

    @property
    def hr_bytes(self) -> int:
        """Size of the HR samples."""
        return self.height * self.width * 3

    @property
    def lr_bytes(self) -> int:
        """Size of the LR samples, which lie behind the HR samples."""
        return self.hr_bytes // SCALE**2

    @property
    def end(self) -> int:
        """Where the next image begins."""
        return self.offset + self.hr_bytes + self.lr_bytes


class Outcome(NamedTuple):
    """What became of a task: the hashes of the samples, or a complaint."""

    place: int
    hr_sha256: str = ""
    lr_sha256: str = ""
    complaint: str = ""


def plan(source: str, folder: Path, pairs: Sequence[Pair]) -> list[Task]:
    """Where each image goes in the store.

    Args:
        source: the source's name, for complaints.
        folder: the folder of the source's manifest.
        pairs: the images.

    Raises:
        EsrError: images smaller than an LR pixel, or LR images that are not a quarter of their HR image; all named.
    """
    tasks, complaints, offset = list[Task](), [], HEADER_BYTES
    for pair in pairs:
        height, width = pair.hr.height // SCALE * SCALE, pair.hr.width // SCALE * SCALE
        lr = folder / "lr" / pair.lr.path if pair.lr else None
        if not height or not width:
            complaints.append(f"{pair.name} is {pair.hr.width}x{pair.hr.height} px, too small to shrink {SCALE} times")
        if pair.lr and not (_fits(pair.lr.height, pair.hr.height) and _fits(pair.lr.width, pair.hr.width)):
            sizes = f"HR {pair.hr.width}x{pair.hr.height}, LR {pair.lr.width}x{pair.lr.height}"
            complaints.append(f"{pair.name} is not {SCALE} times its LR image ({sizes})")
        tasks.append(Task(pair.name, folder / "hr" / pair.hr.path, lr, height, width, offset, None))
        offset = tasks[-1].end
    refuse(source, complaints)
    return tasks


def pack(source: str, tasks: Sequence[Task], part: Path, journal: Path, identity: str) -> list[PackedImage]:
    """Write the samples of every image to its place in ``part``.

    Args:
        source: the source's name, for complaints and progress.
        tasks: from :func:`plan`.
        part: the file to write; its first page is left to the header.
        journal: what is done so far; it outlives an interruption.
        identity: a hash of all that the samples follow from; another one in the journal starts afresh.

    Raises:
        EsrError: images that cannot be read exactly or whose LR shows another picture, all named; the disk is full.
    """
    noted = _read_journal(journal, identity) if part.exists() else {}
    tasks = [task._replace(noted=noted.get(place)) for place, task in enumerate(tasks)]
    _reserve(part, tasks[-1].end if tasks else HEADER_BYTES)
    write_text(journal, "".join([f"{identity}\n", *(_note(place, *hashes) for place, hashes in noted.items())]))
    outcomes = list[Outcome]()
    with journal.open("a") as notes, Progress(f"packing {source}", len(tasks), "images") as progress:
        for outcome in _outcomes(part, tasks):
            outcomes.append(outcome)
            progress.add(1)
            if not outcome.complaint:
                notes.write(_note(outcome.place, outcome.hr_sha256, outcome.lr_sha256))
                notes.flush()
    outcomes.sort()
    refuse(source, [outcome.complaint for outcome in outcomes if outcome.complaint])
    return [
        PackedImage(
            name=task.name,
            height=task.height,
            width=task.width,
            hr_offset=task.offset,
            hr_sha256=outcome.hr_sha256,
            lr_offset=task.offset + task.hr_bytes,
            lr_sha256=outcome.lr_sha256,
        )
        for task, outcome in zip(tasks, outcomes, strict=True)
    ]


def _outcomes(part: Path, tasks: Sequence[Task]) -> Iterator[Outcome]:
    """The outcome of every task, as they come; only a few tasks are in flight at any time."""
    numbered = iter(enumerate(tasks))
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    if workers < 2 or sum(task.hr_bytes // 3 for task in tasks) < _WORTH_A_POOL:
        yield from (_pack_one(part, place, task) for place, task in numbered)
        return
    # Fresh processes: a fork would copy the locks of threads that do not live on in it.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent, (os.getpid(),)) as pool:
        pending = set[Future[Outcome]]()
        try:
            while True:
                new = islice(numbered, workers * _AHEAD - len(pending))
                pending |= {pool.submit(_pack_one, part, place, task) for place, task in new}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BrokenProcessPool as error:
            raise EsrError(f"a process packing {part} was killed, for lack of memory perhaps; start again") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _pack_one(part: Path, place: int, task: Task) -> Outcome:
    """Pack one image, unless an earlier run has; an image that cannot be used becomes a complaint."""
    with part.open("rb+") as file:
        handle = file.fileno()
        if task.noted and task.noted == _hashes_in_place(handle, task):
            return Outcome(place, *task.noted)
        try:
            hr, lr = _read(task)
        except EsrError as error:
            return Outcome(place, complaint=str(error))
        with writing(part):
            _write(handle, hr, task.offset)
            _write(handle, lr, task.offset + task.hr_bytes)
    return Outcome(place, _hash(hr), _hash(lr))


def _read(task: Task) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    hr = np.ascontiguousarray(crop_to_multiple(read_rgb(task.hr), SCALE))
    if hr.shape != (task.height, task.width, 3):
        raise EsrError(f"{task.hr} has another size than its source's manifest says; run the download again")
    if task.lr is None:
        return hr, downscale(hr, SCALE)
    lr = read_rgb(task.lr)[: task.height // SCALE, : task.width // SCALE]
    lr = np.ascontiguousarray(lr)
    if lr.nbytes != task.lr_bytes:
        raise EsrError(f"{task.lr} has another size than its source's manifest says; run the download again")
    if _difference(hr, lr) > ANOTHER_PICTURE:
        raise EsrError(f"{task.lr} does not show what {task.hr} shows")
    return hr, lr


def _difference(hr: NDArray[np.uint8], lr: NDArray[np.uint8]) -> float:
    """Root mean square difference of LR and the 4x4 block means of HR, on every 16th row of LR, in levels."""
    few = lr[::16]
    blocks = hr.reshape(lr.shape[0], SCALE, lr.shape[1], SCALE, 3)[::16]
    difference = blocks.mean(axis=(1, 3), dtype=np.float32) - few
    return float(np.sqrt(np.square(difference).mean()))


def _hashes_in_place(handle: int, task: Task) -> tuple[str, str]:
    hr = os.pread(handle, task.hr_bytes, task.offset)
    lr = os.pread(handle, task.lr_bytes, task.offset + task.hr_bytes)
    return hashlib.sha256(hr).hexdigest(), hashlib.sha256(lr).hexdigest()


def _write(handle: int, image: NDArray[np.uint8], offset: int) -> None:
    left = image.data.cast("B")
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written


def _reserve(part: Path, size: int) -> None:
    """Take the disk space now, so that a disk that is too small is known before the work, not after hours of it."""
    new = not part.exists()
    try:
        with part.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)
            file.truncate(size)
    except OSError as error:
        if new:
            part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise EsrError(f"cannot write {part}, which needs {size / 1e9:.2f} GB: {reason}; free the disk") from error


def _read_journal(journal: Path, identity: str) -> dict[int, tuple[str, str]]:
    """What an interrupted run has noted: nothing, if it packed other images; its last line may be cut off."""
    if not journal.exists():
        return {}
    first, *lines = journal.read_text().split("\n")
    fields = [line.split(" ") for line in lines[:-1]]
    return {int(place): (hr, lr) for place, hr, lr in fields} if first == identity else {}


def _note(place: int, hr_sha256: str, lr_sha256: str) -> str:
    return f"{place} {hr_sha256} {lr_sha256}\n"


def _end_with_parent(parent: int) -> None:
    """In a worker: end when the process that started it has ended, however it ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _fits(lr: int, hr: int) -> bool:
    """Whether ``lr`` is a quarter of ``hr``, rounded down or (as MATLAB does) up."""
    return lr in (hr // SCALE, -(-hr // SCALE))


def _hash(image: NDArray[np.uint8]) -> str:
    return hashlib.sha256(image.data).hexdigest()
