"""A source's images as a set that nobody has packed, for whoever wants a few of them."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esr.images.arrays import ByteImage
from esr.packed.pack_one import PackTask, read_pair
from esr.packed.store import PackedSet


class UnpackedSet(PackedSet):
    """Images that are read, cut and shrunk as packing does it, each when it is asked for; one at a time is kept."""

    def __init__(self, folder: Path, tasks: Sequence[PackTask]) -> None:
        """Prepare to read.

        Args:
            folder: where the images lie, for complaints.
            tasks: what packing would do; hashes are not compared, and places in a store do not count.
        """
        super().__init__(folder, [])
        self._tasks = tasks
        self._kept: tuple[int, tuple[ByteImage, ByteImage]] | None = None

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

    def pair(self, index: int) -> tuple[ByteImage, ByteImage]:
        """The LR and the HR image at ``index``.

        Raises:
            EsrError: it cannot be used.
        """
        if self._kept is None or self._kept[0] != index:
            self._kept = None  # before the next one is read: photographs are large
            hr, lr = read_pair(self._tasks[index])
            self._kept = index, (lr, hr)
        return self._kept[1]

    @cached_property
    def larger_than_memory(self) -> bool:
        """No: there is nothing on disk to be read ahead."""
        return False
