"""A whole set in the memory of the device, where it fits: then a batch is a few numbers sent and one gather."""

from weakref import WeakKeyDictionary

import numpy as np
import torch

from esr.batches.gather import gather
from esr.batches.sampling import Samples
from esr.common.factor import SCALE
from esr.packed.layout import HEADER_BYTES, TRAILER_BYTES
from esr.packed.store import PackedSet

_CHUNK = 3 << 24  # bytes sent at a time; a multiple of a pixel's


def fits(packed_set: PackedSet, device: torch.device) -> bool:
    """Whether the set lives on the device or may: a GPU with twice the set's size free, half of it for training."""
    if device.type != "cuda":
        return False
    if packed_set in _KEPT:
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * sum(part.store_bytes for part in packed_set.parts) <= free


def resident(packed_set: PackedSet, device: torch.device) -> "ResidentSet":
    """The set on the device; it is sent once, and stays as long as ``packed_set`` does."""
    kept = _KEPT.get(packed_set)
    if kept is None or kept.device != device:
        kept = _KEPT[packed_set] = ResidentSet(packed_set, device)
    return kept


class ResidentSet:
    """The pixels of every store of a set, one behind the other, and where each image begins among them."""

    def __init__(self, packed_set: PackedSet, device: torch.device) -> None:
        """Send the set to the device."""
        self.device = device
        payloads = [part.samples[HEADER_BYTES:-TRAILER_BYTES] for part in packed_set.parts if part.images]
        self._pixels = torch.empty((sum(map(len, payloads)) // 3, 3), dtype=torch.uint8, device=device)
        table, begin = [], 0
        for part, payload in zip((part for part in packed_set.parts if part.images), payloads, strict=True):
            _send(payload, self._pixels[begin : begin + len(payload) // 3])
            for image in part.images:
                offsets = (image.lr_offset - HEADER_BYTES) // 3, (image.hr_offset - HEADER_BYTES) // 3
                table.append((begin + offsets[0], begin + offsets[1], image.width))
            begin += len(payload) // 3
        self._lr_first, self._hr_first, self._widths = np.array(table, np.int64).T

    def batch(self, samples: Samples, patch: int, data_range: float) -> tuple[torch.Tensor, torch.Tensor]:
        """The batch (LR, HR) of ``samples``: float32, (N, 3, H, W) in channels_last, in [0, data_range]."""
        width = self._widths[samples.image]
        lr = self._lr_first[samples.image] + samples.top * (width // SCALE) + samples.left
        hr = self._hr_first[samples.image] + samples.top * SCALE * width + samples.left * SCALE
        numbers = torch.from_numpy(np.column_stack([lr, width // SCALE, hr, width, samples.coins]))
        if self._pixels.is_cuda:
            numbers = numbers.pin_memory().to(self._pixels.device, non_blocking=True)
        coins = numbers[:, 4:].bool()
        lr_first, lr_stride, hr_first, hr_stride = numbers[:, :4].unbind(1)
        return (
            gather(self._pixels, lr_first, lr_stride, coins, patch // SCALE, data_range),
            gather(self._pixels, hr_first, hr_stride, coins, patch, data_range),
        )


_KEPT: WeakKeyDictionary[PackedSet, ResidentSet] = WeakKeyDictionary()


def _send(samples: np.ndarray[tuple[int], np.dtype[np.uint8]], pixels: torch.Tensor) -> None:
    target = pixels.view(-1)
    for begin in range(0, len(samples), _CHUNK):
        chunk = torch.from_numpy(samples[begin : begin + _CHUNK].copy())  # torch takes no read-only memory
        target[begin : begin + len(chunk)] = chunk.to(pixels.device)
