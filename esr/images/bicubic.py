"""Bicubic resampling as MATLAB's ``imresize`` does it: the resampling that made the field's LR images.

The kernel is Keys' cubic convolution with a = -0.5 ("Cubic convolution interpolation for digital image
processing", 1981), stretched by the scale when an image shrinks (antialiasing). The height is resampled before
the width, and integer images are rounded (half up) and clipped after each of the two passes.

Every weight of the x4 resamplings is a multiple of 1/4096, so their float64 sums are exact and no rounding tie
depends on the order of the additions.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from esr.common.errors import EsrError
from esr.images.arrays import Image

Edges = Literal["mirror", "clamp"]

_KERNEL_WIDTH = 4.0
_BLOCK = 1 << 17  # samples that are resampled together: bounds the memory and stays in the processor's cache


def downscale(image: Image, scale: int = 4, edges: Edges = "mirror", round_between: bool = True) -> Image:
    """Shrink an image ``scale`` times, as ``imresize(image, 1 / scale)``.

    Args:
        image: HWC or HW; uint8, uint16 or float of any range. Height and width are multiples of ``scale``.
        scale: how many HR pixels make one LR pixel, along each side.
        edges: what lies outside the image: its mirror image (today's MATLAB) or its outermost pixels.
        round_between: round integer images between the two passes too (MATLAB does), not only after them.

    Returns:
        The image at (height / scale, width / scale), with the same dtype and channels.

    Raises:
        EsrError: a side is not a multiple of ``scale``.
    """
    height, width = image.shape[:2]
    if height % scale or width % scale or not image.size:
        raise EsrError(
            f"an image of {width}x{height} px cannot be shrunk {scale} times; crop it to a multiple of {scale}"
        )
    return resize(image, height // scale, width // scale, edges, round_between)


def upscale(image: Image, scale: int = 4, edges: Edges = "mirror", round_between: bool = True) -> Image:
    """Enlarge an image ``scale`` times, as ``imresize(image, scale)``; arguments as in :func:`downscale`."""
    height, width = image.shape[:2]
    return resize(image, height * scale, width * scale, edges, round_between)


def resize(image: Image, height: int, width: int, edges: Edges = "mirror", round_between: bool = True) -> Image:
    """Resample an image to ``height`` x ``width``, as ``imresize(image, [height width])``.

    The height goes first unless the width shrinks more: MATLAB begins with the smaller of the two scales.
    Float images are neither rounded nor clipped, and stay of their dtype.

    Raises:
        EsrError: an empty image or an empty target.
    """
    if not image.size or height < 1 or width < 1:
        raise EsrError(f"cannot resample {image.shape} to {width}x{height} px; every side needs a pixel")
    targets = ((0, height), (1, width))
    if width / image.shape[1] < height / image.shape[0]:
        targets = ((1, width), (0, height))
    (first, first_size), (second, second_size) = targets
    between = image.dtype if round_between and image.dtype.kind == "u" else np.dtype(np.float64)
    return _pass(_pass(image, first, first_size, edges, between), second, second_size, edges, image.dtype)


def _pass(image: Image, axis: int, size: int, edges: Edges, dtype: np.dtype[Any]) -> Image:
    """Resample one axis (0 or 1) to ``size`` samples, a block at a time, and give the result as ``dtype``."""
    indices, weights = _taps(image.shape[axis], size, edges)
    shape = (*image.shape[:axis], size, *image.shape[axis + 1 :])
    out = np.empty(shape, dtype)
    source, target = np.moveaxis(image, axis, 0), np.moveaxis(out, axis, 0)
    step = max(1, _BLOCK * source.shape[1] // max(image.size, out.size))
    for start in range(0, source.shape[1], step):
        block = np.ascontiguousarray(source[:, start : start + step], np.float64)
        target[:, start : start + step] = _as_dtype(_weigh(block, indices, weights), dtype)
    return out


def _weigh(rows: Image, indices: NDArray[np.intp], weights: NDArray[np.float64]) -> Image:
    """``out[i] = sum over k of weights[i, k] * rows[indices[i, k]]``: the product with a banded matrix."""
    weights = weights.reshape(*weights.shape, *[1] * (rows.ndim - 1))
    total = rows[indices[:, 0]] * weights[:, 0]
    for tap in range(1, indices.shape[1]):
        total += rows[indices[:, tap]] * weights[:, tap]
    return total


def _taps(length: int, size: int, edges: Edges) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each of ``size`` output samples, the input samples that make it and their weights: (size, taps) each."""
    scale = size / length
    shrink = min(scale, 1.0)
    width = _KERNEL_WIDTH / shrink
    centres = (np.arange(size) + 0.5) / scale - 0.5
    first = np.floor(centres - width / 2).astype(np.intp)
    indices = first[:, None] + np.arange(int(np.ceil(width)) + 2)
    weights = _cubic(shrink * (centres[:, None] - indices))
    weights /= weights.sum(axis=1, keepdims=True)
    used = weights.any(axis=0)
    return _inside(indices[:, used], length, edges), weights[:, used]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5, at distances ``x`` in (possibly stretched) samples."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


def _inside(indices: NDArray[np.intp], length: int, edges: Edges) -> NDArray[np.intp]:
    if edges == "clamp":
        return indices.clip(0, length - 1)
    folded = indices % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)


def _as_dtype(values: Image, dtype: np.dtype[Any]) -> Image:
    """Round half up and clip to the range of an integer ``dtype``; leave floats as they are."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    return np.floor(values + 0.5).clip(0, np.iinfo(dtype).max).astype(dtype)
