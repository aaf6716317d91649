"""PSNR and SSIM as the challenge and the literature compute them.

Both take two images of one shape, HWC or HW, with values from 0 to 255, and leave out ``border`` pixels along every
side: 4 at x4, where the outermost pixels of an LR image say little about what lies beyond them.
"""

import math

import numpy as np
from numpy.typing import NDArray

from esr.common.errors import EsrError
from esr.images.arrays import Image

PEAK = 255.0
BORDER = 4

_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
_LUMA = np.array([65.481, 128.553, 24.966])
_STRIP = 64  # rows that are filtered together, so that they stay in the processor's cache

SMALLEST_SIDE = _SSIM_WINDOW + 2 * BORDER
"""The side, in px, of the smallest image that has an SSIM behind its border."""


def psnr(a: Image, b: Image, border: int = BORDER) -> float:
    """Peak signal-to-noise ratio in dB over all channels together; infinite where the images are equal.

    Raises:
        EsrError: the shapes differ, or nothing is left inside the border.
    """
    a, b = _inner(a, b, border, smallest=1)
    difference = np.subtract(a, b, dtype=np.float64).ravel()
    error: float = float(difference @ difference) / difference.size
    return 10 * math.log10(PEAK**2 / error) if error else math.inf


def ssim(a: Image, b: Image, border: int = BORDER) -> float:
    """Structural similarity, the mean over the channels and over the region where the window fits.

    Wang et al., "Image quality assessment: from error visibility to structural similarity" (2004): a Gaussian window
    of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, no sample correction of the (co)variances.

    Raises:
        EsrError: the shapes differ, or the window does not fit inside the border.
    """
    a, b = _inner(a, b, border, smallest=_SSIM_WINDOW)
    a, b = (image.reshape(*image.shape[:2], -1) for image in (a, b))
    rows, columns = (int(side) - _SSIM_WINDOW + 1 for side in a.shape[:2])
    sums = [
        _ssim_sum(a[top : top + _STRIP + _SSIM_WINDOW - 1], b[top : top + _STRIP + _SSIM_WINDOW - 1])
        for top in range(0, rows, _STRIP)
    ]
    return math.fsum(sums) / (rows * columns * int(a.shape[2]))


def to_y(image: Image, rounded: bool = False) -> NDArray[np.float64]:
    """Luma of an RGB image (HWC, 0 to 255) by BT.601 in studio swing, 16 to 235: float64, HW.

    Args:
        rounded: round to whole levels, as MATLAB's ``rgb2ycbcr`` gives them for uint8 images; BasicSR does not.
    """
    luma: NDArray[np.float64] = image.astype(np.float64) @ (_LUMA / PEAK) + 16
    return np.floor(luma + 0.5) if rounded else luma


def _inner(a: Image, b: Image, border: int, smallest: int) -> tuple[Image, Image]:
    if a.shape != b.shape:
        raise EsrError(f"images of shapes {a.shape} and {b.shape} cannot be compared; make their sizes equal")
    height, width = a.shape[:2]
    if min(height, width) < smallest + 2 * border:
        needed = smallest + 2 * border
        raise EsrError(f"an image of {width}x{height} px is too small to score; {needed} px are needed on each side")
    inner = slice(border, height - border), slice(border, width - border)
    return a[inner], b[inner]


def _ssim_sum(a: Image, b: Image) -> float:
    """The sum of the SSIM map of two HWC strips where the window fits."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    variances = _blur(a * a + b * b) - squares
    covariance = _blur(a * b) - product
    numerator = (2 * product + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    return float((numerator / ((squares + _SSIM_C1) * (variances + _SSIM_C2))).sum())


def _gaussian() -> NDArray[np.float64]:
    x = np.arange(_SSIM_WINDOW) - _SSIM_WINDOW // 2
    weights = np.exp(-(x**2) / (2 * _SSIM_SIGMA**2))
    return np.asarray(weights / weights.sum())


_WINDOW = _gaussian()


def _blur(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The window over rows, then over columns, where it fits; its symmetry saves half of the products."""
    for axis in (0, 1):
        image = image.swapaxes(0, axis)
        length = image.shape[0] - _SSIM_WINDOW + 1
        total = _WINDOW[5] * image[5 : 5 + length]
        for tap in range(5):
            total += _WINDOW[tap] * (image[tap : tap + length] + image[10 - tap : 10 - tap + length])
        image = total.swapaxes(0, axis)
    return image
