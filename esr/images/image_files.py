"""Image files in and out: what the field's images are, read exactly or refused by name."""

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from esr.common.errors import EsrError
from esr.common.files import whole_file
from esr.images.png import is_png16, read_png16, read_rgb_png
from esr.images.quick_png import write_png_quickly

Pixels = NDArray[Any]

LARGEST_SIDE = 16_384
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_ANIMATED = (
    "PNG",
    "WEBP",
    "TIFF",
    "GIF",
)  # not JPEG: one with a preview inside, as telephones write it, is no animation
_ORIENTATION = 0x0112  # the EXIF tag
_BITS_PER_SAMPLE = 258  # the TIFF tag
# What each mode of Pillow's becomes without loss: when nothing in the file is transparent, and when something is.
_EXACT = {"1": ("L", "LA"), "L": ("L", "LA"), "P": ("RGB", "RGBA"), "RGB": ("RGB", "RGBA"), "I;16": ("I;16", "")}
_GREY = ("1", "L", "LA", "I;16")
_EXACT |= {"LA": ("LA", "LA"), "PA": ("RGBA", "RGBA"), "RGBA": ("RGBA", "RGBA")}
# Of what PNG's filters leave, only repeats of a byte are sought: enlarged photographs take a twelfth more than by
# Pillow's default, and are written four times as fast (benchmarks/png_writing.py).
_FAST = {"compress_level": 1, "compress_type": zlib.Z_RLE}


@dataclass(frozen=True)
class Picture:
    """An image as its file holds it, upright.

    Attributes:
        pixels: uint8 or uint16, HWC: grey (1 channel), grey and alpha (2), RGB (3) or RGB and alpha (4).
        icc_profile: the embedded colour profile.
    """

    pixels: Pixels
    icc_profile: bytes | None = None


def read_picture(path: Path, largest_side: int = LARGEST_SIDE) -> Picture:
    """Read an image of any supported kind without loss; a palette is looked up, EXIF orientation is applied.

    Raises:
        EsrError: missing, damaged, animated, not an image, with a side above ``largest_side`` px, or of a kind
            (CMYK, Lab, float, 16-bit colour other than PNG's) that cannot be had exactly.
    """
    with opened(path, largest_side) as image:
        plain = read_rgb_png(path, image)
        if plain is not None:
            return Picture(plain, image.info.get("icc_profile"))
        deep = is_png16(image)
        image.load()
        mode = exact_mode(path, image, deep)
        if deep:
            pixels: Pixels = read_png16(path)
        else:
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        pixels = _upright(pixels, image.getexif().get(_ORIENTATION, 1))
        return Picture(np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1)), image.info.get("icc_profile"))


def read_rgb(path: Path, smallest_side: int = 1) -> NDArray[np.uint8]:
    """Read a training or validation image: uint8 RGB HWC, with every value as the file has it.

    Grey is repeated in the three channels, an alpha channel that hides nothing is dropped, and 16 bits become 8
    where every value is 257 times an 8-bit one.

    Raises:
        EsrError: what :func:`read_picture` refuses, transparency, 16 bits that 8 cannot hold, or a side below
            ``smallest_side`` px.
    """
    pixels = to_rgb(path, read_picture(path))
    if min(pixels.shape[:2]) < smallest_side:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise EsrError(f"{path} is {size} px and {smallest_side} px are needed on each side; leave it out")
    return pixels


def to_rgb(path: Path, picture: Picture) -> NDArray[np.uint8]:
    """The picture that was read from ``path`` as uint8 RGB HWC, by the rules of :func:`read_rgb`."""
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        if (pixels % 257).any():
            raise EsrError(f"{path} has 16 bits per channel that 8 bits cannot hold; convert it to 8 bits")
        pixels = (pixels // 257).astype(np.uint8)
    if pixels.shape[2] in (2, 4):
        if (pixels[..., -1] != 255).any():
            raise EsrError(f"{path} is transparent in places; flatten it onto a background")
        pixels = pixels[..., :-1]
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def image_size(path: Path) -> tuple[int, int]:
    """Height and width, upright, from the header alone: nothing is decoded.

    Raises:
        EsrError: missing, too large or not an image.
    """
    with opened(path, LARGEST_SIDE) as image:
        return upright_size(image)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Height and width of an opened image after the camera's rotation is undone; nothing is decoded."""
    width, height = image.size
    # Pillow decodes a whole PNG in search of EXIF data that its header does not have.
    has_exif = image.format != "PNG" or "exif" in image.info
    turned = has_exif and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def is_grey(path: Path) -> bool:
    """Whether the file has one channel, alpha aside, from its header alone: nothing is decoded.

    Raises:
        EsrError: as for :func:`image_size`.
    """
    with opened(path, LARGEST_SIDE) as image:
        return image.mode in _GREY


def crop_to_multiple(image: Pixels, multiple: int = 4) -> Pixels:
    """The image without the last rows and columns that do not fill a multiple (a view)."""
    height, width = image.shape[:2]
    return image[: height - height % multiple, : width - width % multiple]


def write_png(path: Path, image: Pixels, icc_profile: bytes | None = None) -> None:
    """Write uint8 or uint16, HWC with 1 to 4 channels or HW, as a PNG that appears whole or not at all.

    Equal arguments give equal bytes. Of 16 bits Pillow would drop half.

    Raises:
        EsrError: the file cannot be written, or memory does not suffice.
    """
    image = image.reshape(*image.shape[:2], -1)
    if image.dtype == np.uint16:
        write_png_quickly(path, image, icc_profile)
        return
    try:
        with whole_file(path) as temporary:
            Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(
                temporary, "PNG", icc_profile=icc_profile, **_FAST
            )
    except MemoryError as error:
        size = f"{image.shape[1]}x{image.shape[0]} px"
        raise EsrError(f"cannot write {path}: memory does not hold its {size}; end other programs") from error


def list_images(folder: Path) -> list[Path]:
    """The images of a folder by their suffix, sorted by name; hidden files are passed over.

    Raises:
        EsrError: no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise EsrError(f"{folder} is not a folder; name the folder that holds the images")
    try:
        names = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    except OSError as error:
        raise EsrError(f"{folder} cannot be read ({error.strerror}); make it readable") from error
    if not names:
        raise EsrError(f"{folder} has no image; name the folder that holds the images ({', '.join(sorted(SUFFIXES))})")
    return names


@contextmanager
def opened(path: Path, largest_side: int) -> Iterator[Image.Image]:
    """The opened image, of which only the header has been read; failures in the block become one line.

    Raises:
        EsrError: missing, damaged, animated, not an image, or with a side above ``largest_side`` px.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe waits for its other end
            raise EsrError(f"{path} is a folder, a pipe or a device, no image file; remove or rename it")
        with Image.open(path, formats=_FORMATS) as image:
            if max(image.size) > largest_side:
                raise EsrError(
                    f"{path} is {image.width}x{image.height} px, and {largest_side} px is the limit of a side; "
                    "cut it into smaller images"
                )
            if image.format in _ANIMATED and getattr(image, "is_animated", False):
                raise EsrError(f"{path} holds several frames; save the one you want as an image of its own")
            yield image
    except FileNotFoundError as error:
        raise EsrError(f"{path} is missing; check the name") from error
    except Image.DecompressionBombError as error:  # the program that imports esr has kept Pillow's limit
        raise EsrError(f"{path} is larger than this program lets Pillow read ({error}); make it smaller") from error
    except MemoryError as error:
        raise EsrError(f"{path}: memory does not hold it; end other programs, or cut it into smaller images") from error
    except UnidentifiedImageError as error:
        raise EsrError(f"{path} is no image ({', '.join(_FORMATS)}) that can be read; replace or remove it") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        if isinstance(error, OSError) and error.strerror:  # the system's, not the decoder's
            raise EsrError(f"{path} cannot be read ({error.strerror}); mend or remove it") from error
        raise EsrError(f"{path} is damaged ({error}); fetch it again or remove it") from error


def exact_mode(path: Path, image: Image.Image, deep: bool) -> str:
    """Pillow's mode that holds the decoded image without loss; ``deep`` says that it is a PNG of 16 bits.

    Raises:
        EsrError: there is none.
    """
    transparent = "transparency" in image.info  # a colour or palette entries that stand for "nothing here"
    mode = _EXACT.get(image.mode, ("", ""))[transparent]
    if isinstance(image, TiffImageFile) and image.mode != "I;16":
        deep = max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))) > 8
    if not mode or (deep and (transparent or image.format == "TIFF")):
        kind = f"{image.format}, {image.mode}"
        raise EsrError(f"{path} is of a kind ({kind}) that cannot be read exactly; save it as an RGB PNG")
    return mode


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the camera's rotation: the eight values of EXIF's Orientation, as the standard (CIPA DC-008) has them."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
