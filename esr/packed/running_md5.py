"""The md5 of a store, taken while its images are packed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from esr.common.errors import EsrError
from esr.packed.layout import header
from esr.packed.pack_one import PackTask

_CHUNK = 2**20


class RunningMd5:
    """The md5 of a store while its images are written in any order.

    A md5 takes bytes from the front only. So an image is read back when it and all before it are written, a moment
    ago and therefore from memory. Reading the whole store when it is done would take ten minutes for LSDIR.
    """

    def __init__(self, part: Path, tasks: Sequence[PackTask], store_bytes: int) -> None:
        self._part = part
        self._tasks = tasks
        self._written = set[int]()
        self._next = 0
        self._md5 = hashlib.md5(header(store_bytes), usedforsecurity=False)

    def take(self, place: int) -> None:
        """The image at this place is written."""
        self._written.add(place)
        if self._next not in self._written:
            return
        try:
            with self._part.open("rb") as file:
                while self._next in self._written:
                    self._written.remove(self._next)
                    self._read(file, self._tasks[self._next])
                    self._next += 1
        except OSError as error:
            raise EsrError(f"{self._part} cannot be read back: {error.strerror}; mend the disk") from error

    def _read(self, file: BinaryIO, task: PackTask) -> None:
        file.seek(task.offset)
        left = task.end - task.offset
        while left:
            chunk = file.read(min(left, _CHUNK))
            if not chunk:
                raise EsrError(f"{self._part} was cut short while it was packed; start again")
            self._md5.update(chunk)
            left -= len(chunk)

    def end(self, trailer: bytes) -> str:
        """The md5 of the store, whose last bytes these are, when every image is written."""
        if self._next < len(self._tasks):
            raise ValueError(f"{len(self._tasks) - self._next} images are not written")
        self._md5.update(trailer)
        return self._md5.hexdigest()
