"""A source's images as a set that nobody has packed, for whoever wants a few of them."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esr.packed.layout import Image
from esr.packed.pack_one import PackTask, read_pair
from esr.packed.store import PackedSet


class UnpackedSet(PackedSet):
    """Images that are read, cut and shrunk as packing does it, each when it is first asked for."""

    def __init__(self, folder: Path, tasks: Sequence[PackTask]) -> None:
        """Prepare to read.

        Args:
            folder: where the images lie, for complaints.
            tasks: what packing would do; hashes are not compared, and places in a store do not count.
        """
        super().__init__(folder, [])
        self._tasks = tasks
        self._read: dict[int, tuple[Image, Image]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width of each HR image: (number of images, 2)."""
        return np.array([(task.height, task.width) for task in self._tasks], np.int64).reshape(-1, 2)

    @cached_property
    def names(self) -> list[str]:
        """A name per image."""
        return [task.name for task in self._tasks]

    def pair(self, index: int) -> tuple[Image, Image]:
        """The LR and the HR image at ``index``.

        Raises:
            EsrError: it cannot be used.
        """
        if index not in self._read:
            hr, lr = read_pair(self._tasks[index])
            self._read[index] = lr, hr
        return self._read[index]

    @cached_property
    def larger_than_memory(self) -> bool:
        """No: what is read stays in memory."""
        return False
