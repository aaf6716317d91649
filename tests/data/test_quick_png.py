"""What `esr upscale` writes: every depth and kind of image, as other decoders read it."""

import errno
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from esr.common.errors import EsrError
from esr.images import quick_png
from esr.images.image_files import read_picture
from esr.images.quick_png import write_png_quickly

ONE_BAND, THREE_BANDS = (23, 17), (700, 1300)


def noise(shape: tuple[int, ...], kind: type) -> np.ndarray:
    """Samples of every value, with no repeats to seek."""
    return np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


@pytest.mark.parametrize("size", [ONE_BAND, THREE_BANDS])
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_8_bits_are_read_by_pillow_as_they_were(
    tmp_path: Path, size: tuple[int, int], channels: int, mode: str
) -> None:
    image = noise((*size, channels), np.uint8)
    write_png_quickly(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as found:
        assert found.mode == mode
        assert np.array_equal(np.array(found).reshape(image.shape), image)


@pytest.mark.parametrize("size", [ONE_BAND, THREE_BANDS])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_are_read_as_they_were(tmp_path: Path, size: tuple[int, int], channels: int) -> None:
    image = noise((*size, channels), np.uint16)
    write_png_quickly(tmp_path / "a.png", image)
    found = read_picture(tmp_path / "a.png").pixels
    assert found.dtype == np.uint16
    assert np.array_equal(found, image)


def test_a_view_of_other_strides_is_written_as_it_looks(tmp_path: Path) -> None:
    image = noise((40, 60, 4), np.uint8)[::2, ::-3, :3]
    write_png_quickly(tmp_path / "a.png", image)
    assert np.array_equal(read_picture(tmp_path / "a.png").pixels, image)


def test_the_colour_profile_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_png_quickly(tmp_path / "a.png", noise((5, 6, 3), np.uint8), profile)
    with Image.open(tmp_path / "a.png") as found:
        assert found.info["icc_profile"] == profile


def test_a_full_disk_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_png_quickly(path, noise((5, 6, 3), np.uint8))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(quick_png, "putchunk", full)
    with pytest.raises(EsrError, match=r"a\.png: No space left on device"):
        write_png_quickly(path, noise((7, 8, 3), np.uint8))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_repeats_takes_no_room(tmp_path: Path) -> None:
    image = np.tile(noise((1, 500, 3), np.uint8), (500, 1, 1))
    write_png_quickly(tmp_path / "a.png", image)
    assert (tmp_path / "a.png").stat().st_size < len(zlib.compress(image[0].tobytes())) + 500 * 50
