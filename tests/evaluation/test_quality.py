"""PSNR, SSIM and luma against hand calculation and scikit-image."""

import math

import numpy as np
import pytest
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from esr.common.errors import EsrError
from esr.images.quality import psnr, ssim, to_y


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of 300 x 451 px and a noisy copy."""
    image = data.chelsea()
    noise = np.random.default_rng(0).normal(0, 9, image.shape)
    return image, (image + noise).clip(0, 255).round().astype(np.uint8)


def test_psnr_of_a_constant_error() -> None:
    flat = np.full((20, 20, 3), 100, np.uint8)
    assert psnr(flat, flat + np.uint8(5)) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(flat + np.uint8(5), flat) == pytest.approx(20 * math.log10(255 / 5))


def test_psnr_of_equal_images_is_infinite() -> None:
    flat = np.zeros((20, 20, 3), np.uint8)
    assert psnr(flat, flat) == math.inf


def test_what_lies_in_the_border_does_not_count(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, noisy = pair
    framed = noisy.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert psnr(image, framed) == psnr(image, noisy)
    assert ssim(image, framed) == ssim(image, noisy)
    framed[4, 4] = 0
    assert psnr(image, framed) < psnr(image, noisy)
    assert ssim(image, framed) < ssim(image, noisy)


@pytest.mark.parametrize("border", [0, 4])
def test_agree_with_scikit_image(pair: tuple[np.ndarray, np.ndarray], border: int) -> None:
    inner = (slice(border, 300 - border), slice(border, 451 - border))
    a, b = (image[inner] for image in pair)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert psnr(*pair, border=border) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-10)
    assert ssim(*pair, border=border) == pytest.approx(structural_similarity(a, b, channel_axis=2, **window), abs=1e-10)
    y_a, y_b = to_y(a), to_y(b)
    assert ssim(y_a, y_b, border=0) == pytest.approx(structural_similarity(y_a, y_b, **window), abs=1e-10)


def test_luma_of_the_primaries() -> None:
    """BT.601 in studio swing: black 16, white 235, and the three weights, as the standard prints them."""
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert to_y(colours)[0].tolist() == pytest.approx([16, 235, 81.481, 144.553, 40.966])
    assert to_y(colours, rounded=True)[0].tolist() == [16, 235, 81, 145, 41]


def test_images_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(EsrError, match="cannot be compared"):
        psnr(np.zeros((20, 20, 3), np.uint8), np.zeros((20, 24, 3), np.uint8))
    with pytest.raises(EsrError, match=r"8x40 px is too small to score; 9 px"):
        psnr(np.zeros((40, 8, 3), np.uint8), np.zeros((40, 8, 3), np.uint8))
    with pytest.raises(EsrError, match=r"18x40 px is too small to score; 19 px"):
        ssim(np.zeros((40, 18, 3), np.uint8), np.zeros((40, 18, 3), np.uint8))
