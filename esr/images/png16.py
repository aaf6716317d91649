"""PNG images of 16 bits per channel, which Pillow reads as 8 bits and cannot write (grey ones excepted)."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # of the header, by the number of channels
_STRIP_BYTES = 1 << 20

# How Pillow names the layout of 16-bit samples in the file, and the layouts that give all of their bytes.
# "...;16B" keeps the first byte of each sample and "...;16L" the second; four bytes of grey and alpha are read as
# one RGBA pixel.
_LAYOUTS = {
    "I;16B": ("I;16B",),
    "LA;16B": ("RGBA",),
    "RGB;16B": ("RGB;16B", "RGB;16L"),
    "RGBA;16B": ("RGBA;16B", "RGBA;16L"),
}


def is_png16(image: Image.Image) -> bool:
    """Whether an opened, not yet decoded image is a PNG of 16 bits per channel."""
    return isinstance(image, PngImageFile) and _layout(image) in _LAYOUTS


def read_png16(path: Path) -> NDArray[np.uint16]:
    """Decode a 16-bit PNG without loss: uint16 HWC with 1, 2, 3 or 4 channels (grey or RGB, alpha last).

    Raises what Pillow raises for a damaged file.
    """
    with Image.open(path, formats=["PNG"]) as image:
        layout = _layout(image)
    first, *second = [_decode(path, part) for part in _LAYOUTS[layout]]
    if second:
        return np.left_shift(first, 8, dtype=np.uint16) | second[0]
    if layout == "LA;16B":
        return first.view(">u2").astype(np.uint16)
    return first[..., None].astype(np.uint16)


def write_png16(path: Path, image: NDArray[np.uint16], icc_profile: bytes | None = None) -> None:
    """Write uint16 HWC with 1 to 4 channels as PNG, every row filtered by Paeth's predictor."""
    height, width, channels = image.shape
    with path.open("wb") as file:
        file.write(_SIGNATURE)
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPE[channels], 0, 0, 0)))
        if icc_profile:
            file.write(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile)))
        compressor = zlib.compressobj()
        for rows in _filtered(image):
            file.write(_chunk(b"IDAT", compressor.compress(rows)))
        file.write(_chunk(b"IDAT", compressor.flush()))
        file.write(_chunk(b"IEND", b""))


def _layout(image: Image.Image) -> str:
    assert isinstance(image, PngImageFile)
    return str(image.tile[0].args) if image.tile else ""  # a file may end before its samples


def _decode(path: Path, layout: str) -> NDArray[np.uint8]:
    with Image.open(path, formats=["PNG"]) as image:
        assert isinstance(image, PngImageFile)
        image.tile = [part._replace(args=layout) for part in image.tile]
        return np.array(image)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _filtered(image: NDArray[np.uint16]) -> Iterator[bytes]:
    """The scan lines, a strip at a time: each is the byte 4 (Paeth) and the bytes minus their prediction."""
    height, width, channels = image.shape
    pixel, line = 2 * channels, 2 * channels * width
    strip = max(1, _STRIP_BYTES // line)
    above = np.zeros((1, line), np.int16)
    for top in range(0, height, strip):
        lines = image[top : top + strip].astype(">u2").view(np.uint8).reshape(-1, line).astype(np.int16)
        up = np.concatenate([above, lines[:-1]])
        left, up_left = (np.pad(part, ((0, 0), (pixel, 0)))[:, :line] for part in (lines, up))
        residual = (lines - _paeth(left, up, up_left)).astype(np.uint8)
        yield np.pad(residual, ((0, 0), (1, 0)), constant_values=4).tobytes()
        above = lines[-1:]


def _paeth(left: NDArray[np.int16], up: NDArray[np.int16], up_left: NDArray[np.int16]) -> NDArray[np.int16]:
    """Of the three neighbours, the one nearest to left + up - up_left; ties go in the order of the arguments."""
    to_left, to_up = np.abs(up - up_left), np.abs(left - up_left)
    to_corner = np.abs(left + up - 2 * up_left)
    nearest = np.where(to_up <= to_corner, up, up_left)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
