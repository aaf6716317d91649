"""What a process does for one image of a set: decode, cut, shrink if need be, and write to its place in the store.

This file imports no more than that needs, because every worker process pays for its imports.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from esr.common.complaints import writing
from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.files import sha256_of
from esr.images.arrays import ByteImage
from esr.images.bicubic import downscale
from esr.images.image_files import crop_to_multiple, read_rgb

ANOTHER_PICTURE = 45.0
"""Root mean square difference, in levels of 255, between LR and block means of HR above which they are two pictures."""


class Original(NamedTuple):
    """An image file, and the sha256 that it had when it was downloaded."""

    path: Path
    sha256: str


class PackTask(NamedTuple):
    """One image to pack: its files, its place in the store, and the hashes that an earlier run noted for it."""

    name: str
    hr: Original
    lr: Original | None
    height: int
    width: int
    offset: int
    noted: tuple[str, str] | None
    grey: bool

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


def pack_one(part: Path, place: int, task: PackTask) -> Outcome:
    """Pack one image, unless an earlier run has; an image that cannot be used becomes a complaint."""
    with part.open("rb+") as file:
        handle = file.fileno()
        if task.noted and task.noted == _hashes_in_place(handle, task):
            return Outcome(place, *task.noted)
        try:
            hr, lr = _read_unchanged(task)
        except EsrError as error:
            return Outcome(place, complaint=str(error))
        with writing(part):
            _write(handle, hr, task.offset)
            _write(handle, lr, task.offset + task.hr_bytes)
    return Outcome(place, _hash(hr), _hash(lr))


def read_pair(task: PackTask) -> tuple[ByteImage, ByteImage]:
    """The HR and LR samples of an image, as a store holds them: uint8, (H, W, 3) and (H / 4, W / 4, 3).

    Raises:
        EsrError: a file that cannot be read exactly or has another size, or LR that shows another picture.
    """
    hr = np.ascontiguousarray(crop_to_multiple(read_rgb(task.hr.path), SCALE))
    if hr.shape != (task.height, task.width, 3):
        raise EsrError(f"{task.hr.path} has another size than its source's manifest says; run the download again")
    if task.lr is None:
        return hr, downscale(hr, SCALE)
    lr = read_rgb(task.lr.path)[: task.height // SCALE, : task.width // SCALE]
    lr = np.ascontiguousarray(lr)
    if lr.nbytes != task.lr_bytes:
        raise EsrError(f"{task.lr.path} has another size than its source's manifest says; run the download again")
    if _difference(hr, lr) > ANOTHER_PICTURE:
        raise EsrError(f"{task.lr.path} does not show what {task.hr.path} shows")
    return hr, lr


def _read_unchanged(task: PackTask) -> tuple[ByteImage, ByteImage]:
    complaints = [_complaint(original) for original in (task.hr, task.lr) if original]
    if any(complaints):
        raise EsrError("; ".join(filter(None, complaints)))
    return read_pair(task)


def _complaint(original: Original) -> str:
    """What is wrong with a file of which another one was downloaded, or nothing."""
    if not original.path.is_file():
        return f"{original.path} is missing; run the download again"
    try:
        same = sha256_of(original.path) == original.sha256
    except OSError as error:
        return f"{original.path} cannot be read ({error.strerror}); mend the disk, or run the download again"
    return "" if same else f"{original.path} has changed since the download; run the download again"


def _difference(hr: ByteImage, lr: ByteImage) -> float:
    """Root mean square difference of LR and the 4x4 block means of HR, on every 16th row of LR, in levels."""
    few = lr[::16]
    blocks = hr.reshape(lr.shape[0], SCALE, lr.shape[1], SCALE, 3)[::16]
    difference = blocks.mean(axis=(1, 3), dtype=np.float32) - few
    return float(np.sqrt(np.square(difference).mean()))


def _hashes_in_place(handle: int, task: PackTask) -> tuple[str, str]:
    hr = os.pread(handle, task.hr_bytes, task.offset)
    lr = os.pread(handle, task.lr_bytes, task.offset + task.hr_bytes)
    return hashlib.sha256(hr).hexdigest(), hashlib.sha256(lr).hexdigest()


def _write(handle: int, image: ByteImage, offset: int) -> None:
    left = image.data.cast("B")
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written


def _hash(image: ByteImage) -> str:
    return hashlib.sha256(image.data).hexdigest()
