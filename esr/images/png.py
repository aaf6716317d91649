"""PNG files read by kornia-rs: 8-bit RGB, four times as fast as by Pillow, and 16 bits, of which Pillow drops half.

Left to Pillow is what kornia-rs does not do: reading grey and alpha of 16 bits, and telling a file's chunks.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from kornia_rs import io
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

# An orientation may stand behind the samples, where only a decoder of all chunks finds it.
_ORIENTATION_CHUNKS = (b"eXIf", b"Raw profile type")

_LARGEST = 2**26  # px of 8-bit RGB: larger ones are Pillow's, as kornia-rs ends the process where memory is short

# kornia-rs's names of 16-bit samples, by Pillow's name of their layout in the file.
_MODE_OF_LAYOUT = {"I;16B": "mono", "RGB;16B": "rgb", "RGBA;16B": "rgba"}
_GREY_AND_ALPHA = "LA;16B"

_COPIES = 4  # of the samples, which kornia-rs makes at the most


def read_rgb_png(path: Path, image: Image.Image) -> NDArray[np.uint8] | None:
    """The samples of a PNG that Pillow has opened, not decoded: uint8 HWC; None if it is not one of 8-bit RGB.

    Raises:
        ValueError: the file is damaged.
    """
    if not isinstance(image, PngImageFile) or image.info.keys() & {"transparency", "interlace"}:
        return None
    if image.width * image.height > _LARGEST or _layout(image) != "RGB":
        return None
    content = path.read_bytes()
    if any(chunk in content for chunk in _ORIENTATION_CHUNKS):
        return None
    return _decoded(io.decode_image_png_u8, content, image, "rgb")


def is_png16(image: Image.Image) -> bool:
    """Whether an opened, not yet decoded image is a PNG of 16 bits per channel."""
    return isinstance(image, PngImageFile) and _layout(image) in {*_MODE_OF_LAYOUT, _GREY_AND_ALPHA}


def read_png16(path: Path) -> NDArray[np.uint16]:
    """Decode a 16-bit PNG without loss: uint16 HWC with 1, 2, 3 or 4 channels (grey or RGB, alpha last).

    Raises:
        ValueError: the file is damaged; and what else Pillow raises.
        MemoryError: memory does not suffice.
    """
    with Image.open(path, formats=["PNG"]) as image:
        assert isinstance(image, PngImageFile)
        layout = _layout(image)
        if layout == _GREY_AND_ALPHA:
            image.tile = [part._replace(args="RGBA") for part in image.tile]  # the four bytes of a pixel as they are
            return np.array(image).view(">u2").astype(np.uint16)
        _ask_for_memory(image.width * image.height * len(image.getbands()) * 2)
        return _decoded(io.decode_image_png_u16, path.read_bytes(), image, _MODE_OF_LAYOUT[layout])


def _layout(image: PngImageFile) -> str:
    """Pillow's name of how the samples lie in the file."""
    return str(image.tile[0].args) if image.tile else ""  # a file may end before its samples


def _decoded(decode: Callable[..., NDArray[Any]], content: bytes, image: Image.Image, mode: str) -> NDArray[Any]:
    try:
        return decode(content, (image.height, image.width), mode)
    except Exception as error:  # it raises nothing more precise
        raise ValueError(str(error).removeprefix("Failed to decode the png image. ").rstrip(".")) from error


def _ask_for_memory(size: int) -> None:
    """Raise MemoryError where the system refuses what kornia-rs will need; there, it would end the process."""
    np.empty(_COPIES * size, np.uint8)
