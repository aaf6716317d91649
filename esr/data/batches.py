"""Batches of random crops, the same whatever the number of workers, devices or restarts.

The worker only crops into uint8 NHWC batches. Flips, rotations and the conversion to float happen on the
device, in one gather over the batch.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from esr.data.sampling import Draw, draw
from esr.data.store import SCALE, PackedSet
from esr.errors import EsrError

Batch = tuple[torch.Tensor, torch.Tensor]


class Batches:
    """Batches ``first_iteration`` to ``iterations - 1`` of a phase, as pairs (LR, HR) on the device."""

    def __init__(
        self,
        packed_set: PackedSet,
        patch: int,
        batch: int,
        *,
        iterations: int,
        first_iteration: int = 0,
        seed: int = 0,
        horizontal_flips: bool = True,
        vertical_flips: bool = True,
        rotations: bool = True,
        data_range: float = 1.0,
        device: torch.device | str = "cpu",
        workers: int = 0,
    ) -> None:
        """Prepare to iterate.

        Args:
            packed_set: where the images come from.
            patch: side of an HR patch in pixels, a multiple of 4.
            batch: patches per iteration.
            iterations: length of the phase.
            first_iteration: where to go on after a restart.
            seed: of everything that is drawn.
            horizontal_flips: flip half of the patches left to right.
            vertical_flips: flip half of the patches top to bottom.
            rotations: turn half of the patches by 90 degrees.
            data_range: the value of white.
            device: where the batches are wanted.
            workers: threads that crop ahead; with 0 cropping happens in the caller's thread.

        Raises:
            EsrError: the set is empty or has an image smaller than the patch.
        """
        _check(packed_set, patch)
        self._set, self._patch, self._batch = packed_set, patch, batch
        self._iterations = range(first_iteration, iterations)
        self._seed = seed
        self._augment = np.array([horizontal_flips, vertical_flips, rotations])
        self._data_range, self._device = data_range, torch.device(device)

    def __len__(self) -> int:
        return len(self._iterations)

    def __iter__(self) -> Iterator[Batch]:
        """Yield (LR, HR): float32, (N, 3, H, W) in channels_last, values in [0, data_range]."""
        for iteration in self._iterations:
            drawn = draw(self._seed, iteration * self._batch, self._batch, len(self._set))
            lr, hr = self._crop(drawn)
            coins = torch.from_numpy(drawn.coins & self._augment).to(self._device)
            yield self._finish(lr, coins), self._finish(hr, coins)

    def _crop(self, drawn: Draw) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        side = self._patch // SCALE
        hr = np.empty((self._batch, self._patch, self._patch, 3), np.uint8)
        lr = np.empty((self._batch, side, side, 3), np.uint8)
        images = [(self._set.lr(int(i)), self._set.hr(int(i))) for i in drawn.image]
        sizes = np.array([image.shape[:2] for image, _ in images])
        tops, lefts = drawn.corner(sizes[:, 0] - side + 1, sizes[:, 1] - side + 1)
        for place, ((small, large), top, left) in enumerate(zip(images, tops.tolist(), lefts.tolist(), strict=True)):
            lr[place] = small[top : top + side, left : left + side]
            top, left = top * SCALE, left * SCALE
            hr[place] = large[top : top + self._patch, left : left + self._patch]
        return lr, hr

    def _finish(self, batch: NDArray[np.uint8], coins: torch.Tensor) -> torch.Tensor:
        count, side = batch.shape[:2]
        pixels = torch.from_numpy(batch).to(self._device).view(-1, 3)
        images = pixels.index_select(0, _turned(count, side, coins)).view(count, side, side, 3)
        return images.permute(0, 3, 1, 2).float().mul_(self._data_range / 255)


def _turned(count: int, side: int, coins: torch.Tensor) -> torch.Tensor:
    """Where each pixel of the flipped and turned batch comes from; coins: (N, 3), left-right, top-bottom, turn."""
    horizontal, vertical, turn = coins.unbind(1)
    first = torch.arange(count, device=coins.device) * side * side
    first = first + torch.where(horizontal, side - 1, 0) + torch.where(vertical, (side - 1) * side, 0)
    down, across = torch.where(vertical, -side, side), torch.where(horizontal, -1, 1)
    down, across = torch.where(turn, across, down), torch.where(turn, down, across)
    steps = torch.arange(side, device=coins.device)
    rows = first[:, None] + down[:, None] * steps
    return (rows[:, :, None] + (across[:, None] * steps)[:, None, :]).view(-1)


def _check(packed_set: PackedSet, patch: int) -> None:
    if not len(packed_set):
        raise EsrError(f"{packed_set.manifest} holds no images at this scale; train on another set")
    for index in range(len(packed_set)):
        height, width = packed_set.hr(index).shape[:2]
        if min(height, width) < patch:
            raise EsrError(
                f"{packed_set.names[index]} of {packed_set.manifest} is {width}x{height} px, smaller than the "
                f"patch of {patch}; choose a smaller patch or leave the image out"
            )
