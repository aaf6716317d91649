"""What a worker does for a batch: copy the rows of each crop from the mapped store, and nothing else.

Flips as NumPy views would cost a dozen times the copy itself (an inner loop of three bytes instead of a row),
so they are left to the device.
"""

import numpy as np
from numpy.typing import NDArray

from esr.batches.sampling import Samples
from esr.common.factor import SCALE
from esr.packed.store import PackedSet


def crop_batch(packed_set: PackedSet, samples: Samples, lr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> None:
    """Copy the crops of ``samples`` into ``lr`` (N, p / 4, p / 4, 3) and ``hr`` (N, p, p, 3), as they lie."""
    small, large = lr.shape[1], hr.shape[1]
    images, tops, lefts = samples.image.tolist(), samples.top.tolist(), samples.left.tolist()
    pairs = [packed_set.pair(image) for image in images]
    if packed_set.larger_than_memory:
        for image, top in zip(images, tops, strict=True):
            packed_set.announce_crop(image, top, small)
    for sample, ((lr_image, hr_image), top, left) in enumerate(zip(pairs, tops, lefts, strict=True)):
        lr[sample] = lr_image[top : top + small, left : left + small]
        top, left = top * SCALE, left * SCALE
        hr[sample] = hr_image[top : top + large, left : left + large]
