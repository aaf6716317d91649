"""PSNR while training, and its picture, by hand: images of one colour, and a network that is so many levels off."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from esr.common.errors import EsrError
from esr.packed.store import PackedSet
from esr.training.validation import CELL, Validation

HR, LR = (100, 50, 200), (90, 60, 190)  # of the first image; the second is of black, both at once


class Off(nn.Module):
    """Enlarges by repetition, then adds a colour in levels of 255; in [0, data_range]."""

    def __init__(self, levels: tuple[float, float, float], data_range: float) -> None:
        super().__init__()
        colour = torch.tensor(levels).reshape(1, 3, 1, 1) * data_range / 255
        self.colour = nn.Parameter(colour)

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3) + self.colour


class Pairs(PackedSet):
    """LR and HR images as they are given."""

    def __init__(self, *pairs: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
        super().__init__(Path("sets/given/manifest.json"), [])
        self._given = pairs

    def __len__(self) -> int:
        return len(self._given)

    def pair(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self._given[index]


def plain(height: int, width: int, colour: tuple[int, int, int], border: int = 0) -> NDArray[np.uint8]:
    """An image of one colour, but for a border of white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[border : height - border, border : width - border] = colour
    return pixels


@pytest.fixture
def images() -> PackedSet:
    """Two images of 64 x 80; white within 4 px of the border, where nothing is scored."""
    black = (0, 0, 0)
    return Pairs(
        (plain(16, 20, LR), plain(64, 80, HR, border=4)), (plain(16, 20, black), plain(64, 80, black, border=4))
    )


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_is_the_mean_over_images_of_what_lies_inside_the_border(images: PackedSet, data_range: float) -> None:
    """Three levels more than LR: in the first off by -7, 13 and -7, mean square 89; in the second by 3, 9."""
    psnr = Validation(images, data_range)(Off((3.0, 3.0, 3.0), data_range)).psnr
    by_hand = [10 * math.log10(255**2 / error) for error in ((49 + 169 + 49) / 3, 9.0)]
    assert psnr == pytest.approx(sum(by_hand) / 2, abs=1e-9)


def test_levels_are_rounded_to_the_nearest_and_clamped(images: PackedSet) -> None:
    """More by 11.4, -9.6 and 10.4: in the first 101, 50 and 200 after rounding; in the second 11, 0 and 10."""
    psnr = Validation(images, 255.0)(Off((11.4, -9.6, 10.4), 255.0)).psnr
    by_hand = [10 * math.log10(255**2 / error) for error in (1 / 3, (121 + 100) / 3)]
    assert psnr == pytest.approx(sum(by_hand) / 2, abs=1e-9)


def test_what_is_above_white_is_white(images: PackedSet) -> None:
    """In the first image 255 - (100, 50, 200), in the second 255: whatever the network adds beyond that."""
    by_hand = [10 * math.log10(255**2 / error) for error in ((155**2 + 205**2 + 55**2) / 3, 255.0**2)]
    for more in (300.0, 1000.0):
        psnr = Validation(images, 1.0)(Off((more,) * 3, 1.0)).psnr
        assert psnr == pytest.approx(sum(by_hand) / 2, abs=1e-9)


def test_an_output_like_the_image_is_infinitely_good(images: PackedSet) -> None:
    assert Validation(images, 1.0)(Off((10.0, -10.0, 10.0), 1.0)).psnr == math.inf


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused_though_clamping_would_hide_it(images: PackedSet, wrong: float) -> None:
    with pytest.raises(EsrError) as refused:
        Validation(images, 1.0)(Off((0.0, wrong, 0.0), 1.0))
    told = "the network gives values that are not finite; train or fetch its weights again"
    assert str(refused.value) == told


def test_the_picture_is_of_the_first_image_lr_output_and_hr(images: PackedSet) -> None:
    """Each cell is the whole image where that is smaller than a cell: 64 x 80."""
    picture = Validation(images, 255.0)(Off((7.0, 8.0, -9.0), 255.0)).picture
    assert picture.dtype == np.uint8
    assert picture.shape == (64, 240, 3)
    inside = (slice(4, 60), slice(4, 76))
    for cell, colour in enumerate([LR, (97, 68, 181), HR]):
        shown = picture[:, 80 * cell : 80 * (cell + 1)]
        assert (shown[inside] == colour).all()
    assert (picture[:4, 160:] == 255).all()
    assert (picture[:4, :80] == LR).all()


def test_a_cell_is_the_middle_of_a_large_image() -> None:
    """Of 128 + 8 rows and 128 + 64 columns, 4 rows and 32 columns are cut off on each side: the frame is not seen."""
    height, width = CELL + 8, CELL + 64
    pixels = np.arange(height // 4 * (width // 4) * 3).astype(np.uint8).reshape(height // 4, width // 4, 3)
    images = Pairs((pixels, plain(height, width, HR, border=4)))
    picture = Validation(images, 1.0)(Off((0.0, 0.0, 0.0), 1.0)).picture
    assert picture.shape == (128, 3 * 128, 3)
    large = np.kron(pixels, np.ones((4, 4, 1), np.uint8))
    for cell in (0, 1):
        assert (picture[:, 128 * cell : 128 * (cell + 1)] == large[4:-4, 32:-32]).all()
    assert (picture[:, 256:] == HR).all()


def test_a_set_without_images_is_refused() -> None:
    with pytest.raises(EsrError) as refused:
        Validation(Pairs(), 1.0)
    told = "sets/given/manifest.json holds no image to validate on; give its source images, or another set"
    assert str(refused.value) == told
