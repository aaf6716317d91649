"""Which tiles an image is worked in: none while memory holds it whole, else the largest, with a halo that suffices."""

import math

import numpy as np
import psutil
import torch
from torch import nn

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.images.arrays import Image
from esr.inference.tiles import GRID, HALO, Tile, super_resolve_tile, tiles

_LIVE = 4  # activations alive at once, in units of the widest convolution's input and output; measured: 2.0 to 3.7
_FLOAT = 4  # bytes
_SHARE = 0.5  # of the free memory that inference may take
_ENLARGED = 3 * SCALE**2 * 4 * 2  # bytes per LR px: 3 copies, 4 channels of 16 bits
_LARGEST_TENSOR = 2**31  # elements; kernels count in 32 bits

_SAMPLE = 4 * GRID  # LR px: the side of the tile on which two halos are compared; also the smallest that is chosen
_NO_DIFFERENCE = 64  # of 65535: a quarter of an 8-bit level


def plan_tiles(network: nn.Module, image: Image, data_range: float, side: int | None = None) -> list[Tile]:
    """The tiles in which ``image`` is to be worked; none where it can be worked whole.

    Args:
        network: as for ``super_resolve``.
        image: LR, HWC.
        data_range: of the network.
        side: LR px that a tile keeps, a multiple of GRID; chosen by the free memory when None.

    Raises:
        EsrError: tiles are needed and the network looks at the image as a whole, or ``side`` is no multiple.
    """
    height, width = image.shape[:2]
    pixels = pixels_that_fit(network)
    whole = height * width <= pixels if side is None else max(height, width) <= side
    if whole:
        return []
    halo = halo_for(network, image, data_range)
    return tiles(height, width, side or _kept(pixels, halo), halo)


def pixels_that_fit(network: nn.Module) -> int:
    """How many LR pixels the network's device takes at once, by its free memory and the widest convolution."""
    device = next(network.parameters()).device
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    convs = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    widest = max((conv.in_channels + conv.out_channels for conv in convs), default=1)
    return int(min(_SHARE * free / (_LIVE * _FLOAT), _LARGEST_TENSOR) / widest)


def pixels_that_fit_each(network: nn.Module, images: int) -> int:
    """How many LR pixels each of ``images`` may have that are worked side by side.

    On a GPU, which takes one after the other, what counts is the memory of the enlarged images.
    """
    if next(network.parameters()).is_cuda:
        fit = int(_SHARE * psutil.virtual_memory().available / _ENLARGED)
    else:
        fit = pixels_that_fit(network)
    return fit // max(1, images)


def halo_for(network: nn.Module, image: Image, data_range: float) -> int:
    """The halo, in LR px, beyond which the network sees nothing that would change a tile of ``image``.

    A small tile in the middle is computed with one halo and with twice as much, until both agree within a quarter of
    an 8-bit level.

    Raises:
        EsrError: they never do: the network looks at the image as a whole.
    """
    height, width = image.shape[:2]
    deep = image if image.dtype == np.uint16 else image.astype(np.uint16) * np.uint16(257)
    top, left = (side // 2 // GRID * GRID for side in (height, width))
    rows, columns = slice(top, min(height, top + _SAMPLE)), slice(left, min(width, left + _SAMPLE))
    narrower = None
    for halo in (HALO, 2 * HALO, 4 * HALO, 8 * HALO):
        tile = super_resolve_tile(network, deep, data_range, Tile((height, width), rows, columns, halo)).astype(
            np.int32
        )
        if narrower is not None and np.abs(tile - narrower).max() <= _NO_DIFFERENCE:
            return halo // 2
        narrower = tile
    raise EsrError(f"{type(network).__name__} looks at the image as a whole: no tiles; use a machine with more memory")


def _kept(pixels: int, halo: int) -> int:
    """Of a square tile of so many pixels, halo included, the side that is kept."""
    return max(_SAMPLE, (math.isqrt(pixels) - 2 * halo) // GRID * GRID)
