"""Image files are read with every value as it is, or refused in one line that names them."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from esr.common.errors import EsrError
from esr.images.bicubic import upscale
from esr.images.image_files import crop_to_multiple, image_size, list_images, read_picture, read_rgb, write_png

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (9, 14, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()


def saved(path: Path, pixels: np.ndarray, mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes, interlaced: bool = False) -> bytes:
    """A PNG by the specification, of rows that have their filter's number in front."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def plain_png16(pixels: np.ndarray, colour_type: int) -> bytes:
    """A 16-bit PNG by the specification: unfiltered rows of big-endian samples."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(pixels.shape[1], pixels.shape[0], 16, colour_type, rows)


class TestExact:
    @pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
    def test_rgb(self, tmp_path: Path, suffix: str) -> None:
        options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == "webp" else {}
        assert (read_rgb(saved(tmp_path / f"a.{suffix}", RGB, **options)) == RGB).all()

    def test_grey_is_repeated(self, tmp_path: Path) -> None:
        pixels = read_rgb(saved(tmp_path / "a.png", GREY))
        assert pixels.shape == RGB.shape
        assert (pixels == GREY[..., None]).all()

    def test_a_palette_is_looked_up(self, tmp_path: Path) -> None:
        few = RGB // 128 * 255
        path = tmp_path / "a.png"
        Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE).save(path)
        with Image.open(path) as stored:
            assert stored.mode == "P"
        assert (read_rgb(path) == few).all()

    def test_black_and_white(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.png", GREY > 99)
        assert (read_rgb(path) == (GREY > 99)[..., None] * 255).all()

    @pytest.mark.parametrize("pixels", [RGB, GREY[..., None]])
    def test_an_alpha_channel_that_hides_nothing_is_dropped(self, tmp_path: Path, pixels: np.ndarray) -> None:
        opaque = np.concatenate([pixels, np.full((9, 14, 1), 255, np.uint8)], axis=2)
        assert (read_rgb(saved(tmp_path / "a.png", opaque)) == pixels).all()

    @pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (3, 2)])
    def test_16_bits_that_hold_8(self, tmp_path: Path, channels: int, colour_type: int) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(plain_png16(RGB[..., :channels].astype(np.uint16) * 257, colour_type))
        assert (read_rgb(path) == RGB[..., :channels]).all()

    @pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (2, 4), (3, 2), (4, 6)])
    def test_16_bits_are_read_whole(self, tmp_path: Path, channels: int, colour_type: int) -> None:
        deep = RANDOM.integers(0, 65_536, (7, 5, channels)).astype(np.uint16)
        path = tmp_path / "a.png"
        path.write_bytes(plain_png16(deep, colour_type))
        assert (read_picture(path).pixels == deep).all()

    def test_an_interlaced_png_of_16_bits(self, tmp_path: Path) -> None:
        """As below: three passes of Adam7."""
        deep = RANDOM.integers(0, 65_536, (2, 2, 3)).astype(np.uint16)
        rows = b"".join(b"\0" + part.astype(">u2").tobytes() for part in (*deep[0], deep[1]))
        path = tmp_path / "a.png"
        path.write_bytes(png(2, 2, 16, 2, rows, interlaced=True))
        assert (read_picture(path).pixels == deep).all()

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, tmp_path: Path, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path / "a.png", RGB, exif=exif)
        with Image.open(path) as image:
            upright = np.asarray(ImageOps.exif_transpose(image))
        assert (read_rgb(path) == upright).all()
        assert image_size(path) == upright.shape[:2]

    def test_an_orientation_behind_the_samples_of_a_png(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        path = saved(tmp_path / "a.png", RGB)
        content = path.read_bytes()
        path.write_bytes(content[:-12] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + content[-12:])
        assert (read_rgb(path) == np.rot90(RGB, -1)).all()

    def test_an_interlaced_png(self, tmp_path: Path) -> None:
        """2x2 pixels in Adam7's order: its passes 1, 6 and 7 have a pixel, a pixel and a row."""
        (first, second), row = RGB[:2, :2][0], RGB[1, :2]
        rows = b"".join(b"\0" + part.tobytes() for part in (first, second, row))
        path = tmp_path / "a.png"
        path.write_bytes(png(2, 2, 8, 2, rows, interlaced=True))
        assert (read_rgb(path) == RGB[:2, :2]).all()

    @pytest.mark.parametrize("level", [0, 1, 9])
    def test_a_png_of_many_filters_is_what_pillow_reads(self, tmp_path: Path, level: int) -> None:
        ramp = np.linspace(0, 255, 300).astype(np.uint8)
        smooth = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :200], ramp[::-1][:, None]), axis=2)
        path = saved(tmp_path / "a.png", smooth, compress_level=level)
        assert (read_rgb(path) == smooth).all()

    def test_a_telephones_jpeg_with_a_preview_inside(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        image = Image.fromarray(RGB)
        image.save(path, "MPO", save_all=True, append_images=[image.resize((3, 3))])
        assert read_rgb(path).shape == RGB.shape


class TestRefused:
    """One line each, with the file's name."""

    def check(self, path: Path, reason: str, **arguments: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(EsrError, match=reason) as caught:
                read_rgb(path, **arguments)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_missing(self, tmp_path: Path) -> None:
        self.check(tmp_path / "a.png", "is missing")

    def test_text_named_png(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        path.write_text("not an image\n" * 20)
        self.check(path, "is no image")

    @pytest.mark.parametrize("length", [0, 7, 20, 40])
    def test_a_png_cut_in_its_header(self, tmp_path: Path, length: int) -> None:
        path = saved(tmp_path / "a.png", RGB)
        path.write_bytes(path.read_bytes()[:length])
        self.check(path, "is no image|is damaged")

    @pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tif", "gif"])
    def test_a_file_cut_in_the_middle(self, tmp_path: Path, suffix: str) -> None:
        pixels = RANDOM.integers(0, 256, (90, 140, 3), dtype=np.uint8)
        path = saved(tmp_path / f"a.{suffix}", pixels)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        self.check(path, "is no image|is damaged")

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_a_16_bit_png_cut_in_the_middle(self, tmp_path: Path, channels: int) -> None:
        path = tmp_path / "a.png"
        deep = RANDOM.integers(0, 65_536, (90, 140, channels)).astype(np.uint16)
        path.write_bytes(plain_png16(deep, {1: 0, 2: 4, 3: 2, 4: 6}[channels]))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        self.check(path, "is damaged")

    def test_a_png_without_samples(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.png", RGB)
        path.write_bytes(path.read_bytes()[:33] + chunk(b"IEND", b""))
        self.check(path, "is damaged")

    def test_a_flipped_bit(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.png", RANDOM.integers(0, 256, (90, 140, 3), dtype=np.uint8))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 16
        path.write_bytes(content)
        self.check(path, "is damaged")

    @pytest.mark.parametrize("suffix", ["png", "gif", "webp", "tif"])
    def test_animated(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a.{suffix}"
        frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
        frames[0].save(path, save_all=True, append_images=frames[1:])
        self.check(path, "holds several frames")

    @pytest.mark.parametrize("shape", [(4, 20_000, 3), (20_000, 4, 3)])
    def test_20000_px_wide(self, tmp_path: Path, shape: tuple[int, int, int]) -> None:
        self.check(saved(tmp_path / "a.png", np.zeros(shape, np.uint8)), r"20000.* px, and 16384 px is the limit")

    @pytest.mark.parametrize("limit", [None, 10_000_000])
    def test_a_decompression_bomb_is_refused_by_its_header(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None
    ) -> None:
        """A gigapixel's header before a few bytes of data: decoding it would ask for 3 GB.

        Without Pillow's limit, as in esr's own commands, it is ours; in another program Pillow's may come first.
        """
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        path = saved(tmp_path / "a.png", RGB)
        content = path.read_bytes()
        header = b"IHDR" + struct.pack(">II", 32_768, 32_768) + content[24:29]
        path.write_bytes(content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:])
        self.check(path, "32768x32768 px" if limit is None else "larger than this program lets Pillow read")

    def test_transparency(self, tmp_path: Path) -> None:
        rgba = np.dstack([RGB, GREY])
        self.check(saved(tmp_path / "a.png", rgba), "is transparent")
        self.check(saved(tmp_path / "b.png", RGB, transparency=tuple(RGB[0, 0].tolist())), "is transparent")

    def test_16_bits_that_8_cannot_hold(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        write_png(path, RGB.astype(np.uint16) * 257 + 1)
        self.check(path, "16 bits")

    @pytest.mark.parametrize(("mode", "suffix"), [("CMYK", "jpg"), ("CMYK", "tif"), ("LAB", "tif"), ("F", "tif")])
    def test_kinds_that_are_not_exactly_rgb(self, tmp_path: Path, mode: str, suffix: str) -> None:
        pixels = GREY if mode == "F" else RGB
        self.check(saved(tmp_path / f"a.{suffix}", pixels, mode), f"{mode}.* cannot be read exactly")

    def test_too_small(self, tmp_path: Path) -> None:
        self.check(saved(tmp_path / "a.png", RGB), "14x9 px and 10 px are needed", smallest_side=10)
        assert read_rgb(tmp_path / "a.png", smallest_side=9).shape == (9, 14, 3)


class TestWriting:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_what_is_written_is_read(self, tmp_path: Path, channels: int, dtype: type[np.uint8 | np.uint16]) -> None:
        pixels = RANDOM.integers(0, np.iinfo(dtype).max + 1, (230, 310, channels)).astype(dtype)
        pixels[40:90] = 7
        profile = b"any profile" * 40
        write_png(tmp_path / "a.png", pixels, profile)
        picture = read_picture(tmp_path / "a.png")
        assert picture.pixels.dtype == dtype
        assert picture.pixels.shape == pixels.shape
        assert (picture.pixels == pixels).all()
        assert picture.icc_profile == profile

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_under_a_name_that_is_no_utf8(self, tmp_path: Path, dtype: type[np.uint8 | np.uint16]) -> None:
        path = tmp_path / os.fsdecode(b"a\xff.png")
        write_png(path, RGB.astype(dtype))
        assert (read_picture(path).pixels == RGB).all()

    def test_16_bits_are_written_where_memory_holds_no_copy(self, tmp_path: Path) -> None:
        """216 MB of samples, in a process that may take 60 MB more."""
        limited = (
            "import resource, numpy as np; from pathlib import Path; from esr.images.image_files import write_png;"
            "image = np.zeros((6000, 6000, 3), np.uint16); image[-1, -1] = 1, 2, 65535; more = 60_000_000;"
            "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize();"
            "resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more));"
            "write_png(Path('a.png'), image)"
        )
        subprocess.run([sys.executable, "-c", limited], cwd=tmp_path, check=True)
        pixels = read_picture(tmp_path / "a.png").pixels
        assert (pixels.shape, pixels[-1, -1].tolist()) == ((6000, 6000, 3), [1, 2, 65535])

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_equal_images_are_equal_bytes(self, tmp_path: Path, dtype: type[np.uint8 | np.uint16]) -> None:
        write_png(tmp_path / "a.png", RGB.astype(dtype))
        write_png(tmp_path / "b.png", RGB.astype(dtype))
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    def test_an_enlarged_photograph_takes_little_more_than_by_pillow(self, tmp_path: Path) -> None:
        """What is written fast is not written carelessly: uncompressed it would be three times as large."""
        enlarged = upscale(data.coffee()[100:200, 200:350])
        write_png(tmp_path / "a.png", enlarged)
        by_pillow = saved(tmp_path / "b.png", enlarged)
        assert (tmp_path / "a.png").stat().st_size < 1.05 * by_pillow.stat().st_size

    def test_pillow_reads_the_16_bits_that_are_written(self, tmp_path: Path) -> None:
        """Pillow keeps all 16 bits of a grey PNG, and checks the file's structure."""
        deep = RANDOM.integers(0, 65_536, (60, 70)).astype(np.uint16)
        write_png(tmp_path / "a.png", deep)
        with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
            image.verify()
        with Image.open(tmp_path / "a.png") as image:
            assert (np.asarray(image) == deep).all()


def test_images_are_listed_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "10.png", "notes.txt", "._a.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["10.png", "a.jpg", "b.PNG"]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(EsrError, match="has no image"):
        list_images(tmp_path)
    with pytest.raises(EsrError, match="is not a folder"):
        list_images(tmp_path / "notes.txt")


def test_crop_takes_from_the_bottom_and_the_right() -> None:
    assert (crop_to_multiple(RGB) == RGB[:8, :12]).all()
