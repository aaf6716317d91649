"""The field's bicubic: weights worked out by hand, and Pillow where it agrees by definition."""

import numpy as np
import pytest
from PIL import Image

from esr.common.errors import EsrError
from esr.images.bicubic import Edges, downscale, resize, upscale

# Keys' kernel, a = -0.5, at (d + 1/2) / 4 for d = 0..7, in 4096ths: the x1/4 weights at growing distance.
#   |x| <= 1: 1.5 |x|^3 - 2.5 |x|^2 + 1      |x| <= 2: -0.5 |x|^3 + 2.5 |x|^2 - 4 |x| + 2
SHRINK = np.array([987, 745, 399, 93, -49, -75, -45, -7])


def column(values: np.ndarray, width: int = 4) -> np.ndarray:
    """An image whose rows are constant: the pass over the width leaves it as it is."""
    return np.repeat(np.asarray(values)[:, None, None], width, axis=1)


@pytest.mark.parametrize(("row", "distance"), [(17, 0), (18, 0), (20, 2), (14, 3), (21, 3)])
def test_downscale_weighs_by_the_stretched_kernel(row: int, distance: int) -> None:
    values = np.zeros(36)
    values[row] = 4096
    # Output row 4 is centred between the input rows 17 and 18.
    assert downscale(column(values))[4, 0, 0] == SHRINK[distance]


def test_downscale_clips_and_rounds_half_up() -> None:
    bright = np.zeros(36, np.uint8)
    bright[17] = 255  # 255 * 987 / 4096 = 61.45; one output row further the weight is -49: below 0
    assert downscale(column(bright))[3:6, 0, 0].tolist() == [int(255 * 93 / 4096 + 0.5), 61, 0]
    half = np.zeros(36, np.uint8)
    half[[17, 18]] = 64
    half[[16, 19]] = 0
    half[[14, 21]] = 64
    # 128 * (987 + 93) / 4096 = 33.75; of 128 * (987 - 75) / 4096 = 28.5 half goes up
    assert downscale(column(half))[4, 0, 0] == 34
    tie = np.zeros(36, np.uint8)
    tie[[17, 18, 12, 23]] = 64
    assert downscale(column(tie))[4, 0, 0] == 29


def test_mirrored_and_clamped_edges_differ_as_the_weights_say() -> None:
    values = np.zeros(36)
    values[0] = 4096
    # The first output row is centred at 1.5. Mirrored, row 0 stands at 0 (distance 1) and at -1 (distance 2);
    # clamped, it stands at 0 and everywhere before, down to -6.
    assert downscale(column(values))[0, 0, 0] == 745 + 399
    assert downscale(column(values), edges="clamp")[0, 0, 0] == 745 + 399 + 93 - 49 - 75 - 45 - 7


def test_rounding_between_the_passes() -> None:
    dot = np.zeros((36, 36, 1), np.uint8)
    dot[17, 17] = 10
    # 10 * 987 / 4096 = 2.41; rounded 2 * 987 / 4096 = 0.48, unrounded 2.41 * 987 / 4096 = 0.58
    assert downscale(dot)[4, 4, 0] == 0
    assert downscale(dot, round_between=False)[4, 4, 0] == 1


def test_height_goes_before_width() -> None:
    image = np.zeros((36, 36, 1), np.uint8)
    image[17, [12, 17, 18]], image[18, 17] = 255, 1
    # Height first: column 17 becomes (255 + 1) * 987 / 4096 = 61.69 -> 62, columns 12 and 18 become 61.45 -> 61;
    # then (62 * 987 + 61 * 987 - 61 * 75) / 4096 = 28.52.
    # Width first: row 17 becomes 255 * (987 + 987 - 75) / 4096 = 118.2 -> 118, row 18 becomes 0.24 -> 0;
    # then 118 * 987 / 4096 = 28.43.
    assert downscale(image)[4, 4, 0] == 29
    assert downscale(image.swapaxes(0, 1))[4, 4, 0] == 28


def test_upscale_weighs_by_the_kernel() -> None:
    values = np.zeros(9)
    values[4] = 1024
    # Output row 4 i + 2 is at i + 1/8: rows at distances 9/8, 1/8, 7/8, 15/8; row 4 i + 3 at i + 3/8.
    out = upscale(column(values))[:, 0, 0]
    assert out[[4 * 5 + 2, 4 * 4 + 2, 4 * 3 + 2, 4 * 2 + 2]].tolist() == [-49, 987, 93, -7]
    assert out[[4 * 5 + 3, 4 * 4 + 3, 4 * 3 + 3, 4 * 2 + 3]].tolist() == [-75, 745, 399, -45]


@pytest.mark.parametrize("edges", ["mirror", "clamp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_flat_image_stays_flat(edges: Edges, dtype: type[np.generic]) -> None:
    flat = np.full((8, 12, 3), 201, dtype)
    for out, shape in ((downscale(flat, edges=edges), (2, 3, 3)), (upscale(flat, edges=edges), (32, 48, 3))):
        assert out.dtype == dtype
        assert out.shape == shape
        assert (out == 201).all()


@pytest.mark.parametrize(("size", "target"), [((96, 120), (24, 30)), ((24, 30), (96, 120)), ((61, 83), (40, 97))])
def test_agrees_with_pillow_away_from_the_edges(size: tuple[int, int], target: tuple[int, int]) -> None:
    """Pillow's bicubic has the same kernel; in float it differs only where the kernel leaves the image."""
    image = np.random.default_rng(1).uniform(0, 255, size).astype(np.float32)
    theirs = np.asarray(Image.fromarray(image).resize(target[::-1], Image.Resampling.BICUBIC))
    ours = resize(image, *target)
    inner = (slice(10, -10),) * 2 if target[0] > 30 else (slice(3, -3),) * 2
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-3)


def test_blocks_leave_no_trace() -> None:
    """A wide image is resampled in blocks; each column of a column image must come out like the narrow one's."""
    values = np.random.default_rng(2).integers(0, 256, 64, dtype=np.uint8)
    wide = downscale(column(values, 40_000))
    assert (wide == downscale(column(values))[:, :1]).all()


def test_16_bits_keep_their_depth() -> None:
    image = np.zeros((36, 4, 1), np.uint16)
    image[17] = 40_960
    assert downscale(image)[4, 0, 0] == 9_870


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(EsrError, match=r"10x8 px cannot be shrunk 4 times; crop it"):
        downscale(np.zeros((8, 10, 3), np.uint8))
