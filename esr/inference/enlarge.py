"""An image of any size made four times as large, in tiles where it must be."""

import numpy as np
from torch import nn

from esr.common.factor import SCALE
from esr.common.progress import Progress
from esr.images.arrays import Image
from esr.inference.openvino_network import OpenVinoNetwork
from esr.inference.super_resolve import super_resolve
from esr.inference.tile_size import plan_tiles
from esr.inference.tiles import super_resolve_tile


def enlarge(
    network: nn.Module, image: Image, data_range: float, tile: int | None = None, progress: Progress | None = None
) -> Image:
    """What ``super_resolve`` gives; within 1 level of it where memory or ``tile`` (LR px) asks for tiles.

    ``progress`` counts LR pixels. Tiles are worked by PyTorch, which can be told what lies around them.
    """
    height, width, channels = image.shape
    by_pytorch = network.by_pytorch if isinstance(network, OpenVinoNetwork) else network
    parts = plan_tiles(by_pytorch, image, data_range, tile)
    if not parts:
        out = super_resolve(network, image, data_range)
        if progress:
            progress.add(height * width)
        return out
    out = np.empty((SCALE * height, SCALE * width, channels), image.dtype)
    for part in parts:
        rows, columns = (slice(SCALE * kept.start, SCALE * kept.stop) for kept in (part.rows, part.columns))
        out[rows, columns] = super_resolve_tile(by_pytorch, image, data_range, part)
        if progress:
            progress.add((part.rows.stop - part.rows.start) * (part.columns.stop - part.columns.start))
    return out
