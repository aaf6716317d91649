"""Packing a source's images into a store: with all cores, in bounded memory, going on where it was interrupted.

Where each image will lie is known before the first one is read, from the sizes in the source's manifest. So
worker processes decode, cut, shrink and write straight to the image's place in the file, one image each at a
time, and the order in which they finish leaves no trace in the bytes. What is done is noted in a journal with
the hash of the samples; a later run keeps what still has that hash.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from esr.common.complaints import refuse, writing
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.files import write_text
from esr.common.progress import Progress
from esr.images.pillow_limit import lift_pillows_limit
from esr.packed.layout import HEADER_BYTES, TRAILER_BYTES
from esr.packed.manifest import PackedImage, SourcePair
from esr.packed.pack_one import Original, Outcome, PackTask, pack_one

_WORTH_A_POOL = 20_000_000  # pixels; fewer are packed sooner than worker processes have started
_AHEAD = 4  # tasks handed out per worker


def tasks_of(source: str, folder: Path, pairs: Sequence[SourcePair]) -> list[PackTask]:
    """Where each image goes in the store.

    Args:
        source: the source's name, for complaints.
        folder: the folder of the source's manifest.
        pairs: the images.

    Raises:
        EsrError: images smaller than an LR pixel, or LR images that are not a quarter of their HR image; all named.
    """
    tasks, complaints, offset = list[PackTask](), list[str](), HEADER_BYTES
    for pair in pairs:
        height, width = pair.hr.height // SCALE * SCALE, pair.hr.width // SCALE * SCALE
        hr = Original(folder / "hr" / pair.hr.path, pair.hr.sha256)
        lr = Original(folder / "lr" / pair.lr.path, pair.lr.sha256) if pair.lr else None
        complaints += [f"{pair.name} {why}" for why in misfits(pair)]
        tasks.append(PackTask(pair.name, hr, lr, height, width, offset, None, pair.hr.grey))
        offset = tasks[-1].end
    refuse(source, complaints)
    return tasks


def misfits(pair: SourcePair) -> Iterator[str]:
    """What is wrong with the sizes of an image: too small to shrink, or not four times its LR image."""
    if min(pair.hr.height, pair.hr.width) < SCALE:
        size = f"{pair.hr.width}x{pair.hr.height} px"
        yield f"is {size}, too small to shrink {SCALE} times: set smallest_side: {SCALE}"
    if pair.lr and not (_fits(pair.lr.height, pair.hr.height) and _fits(pair.lr.width, pair.hr.width)):
        sizes = f"HR {pair.hr.width}x{pair.hr.height}, LR {pair.lr.width}x{pair.lr.height}"
        yield f"is not {SCALE} times its LR image ({sizes})"


def store_size(tasks: Sequence[PackTask]) -> int:
    """Size of the store of these images, in bytes."""
    return (tasks[-1].end if tasks else HEADER_BYTES) + TRAILER_BYTES


def pack(
    source: str, tasks: Sequence[PackTask], part: Path, journal: Path, identity: str, written: Callable[[int], None]
) -> list[PackedImage]:
    """Write the samples of every image to its place in ``part``.

    Args:
        source: the source's name, for complaints and progress.
        tasks: from :func:`tasks_of`.
        part: the file to write; its first page and its last bytes are left to the caller.
        journal: what is done so far; it outlives an interruption.
        identity: a hash of all that the samples follow from; another one in the journal starts afresh.
        written: called with the place of each image among ``tasks`` when its samples are in ``part``.

    Raises:
        EsrError: images that cannot be read exactly or whose LR shows another picture, all named; the disk is full.
    """
    noted = _read_journal(journal, identity) if part.exists() else {}
    tasks = [task._replace(noted=noted.get(place)) for place, task in enumerate(tasks)]
    _reserve(part, store_size(tasks))
    write_text(journal, "".join([f"{identity}\n", *(_note(place, *hashes) for place, hashes in noted.items())]))
    outcomes = list[Outcome]()
    with journal.open("ab", buffering=0) as notes, Progress(f"packing {source}", len(tasks), "images") as progress:
        for outcome in _outcomes(part, tasks):
            outcomes.append(outcome)
            progress.add(1)
            if not outcome.complaint:
                with writing(journal):
                    notes.write(_note(outcome.place, outcome.hr_sha256, outcome.lr_sha256).encode())
                written(outcome.place)
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
            grey=task.grey,
        )
        for task, outcome in zip(tasks, outcomes, strict=True)
    ]


def _outcomes(part: Path, tasks: Sequence[PackTask]) -> Iterator[Outcome]:
    """The outcome of every task, as they come; only a few tasks are in flight at any time."""
    numbered = iter(enumerate(tasks))
    workers = min(len(os.sched_getaffinity(0)), len(tasks))
    if workers < 2 or sum(task.hr_bytes // 3 for task in tasks) < _WORTH_A_POOL:
        yield from (pack_one(part, place, task) for place, task in numbered)
        return
    # Fresh processes: a fork would copy the locks of threads that do not live on in it.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_worker, (os.getpid(),)) as pool:
        pending = set[Future[Outcome]]()
        try:
            while True:
                new = islice(numbered, workers * _AHEAD - len(pending))
                pending |= {pool.submit(pack_one, part, place, task) for place, task in new}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BrokenProcessPool as error:
            raise EsrError(f"a process packing {part} was killed, for lack of memory perhaps; start again") from error
        finally:
            pool.shutdown(cancel_futures=True)


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
    try:
        first, *lines = journal.read_text().split("\n")
        fields = [line.split(" ") for line in lines[:-1]]
        return {int(place): (hr, lr) for place, hr, lr in fields} if first == identity else {}
    except ValueError:  # damaged: what it noted is packed again
        return {}


def _note(place: int, hr_sha256: str, lr_sha256: str) -> str:
    return f"{place} {hr_sha256} {lr_sha256}\n"


def _begin_worker(parent: int) -> None:
    lift_pillows_limit()
    _end_with_parent(parent)


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
