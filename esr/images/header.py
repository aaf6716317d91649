"""What an image's header tells: its size and kind, and whether it can be a training image, before it is decoded."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from esr.common.errors import EsrError
from esr.images.image_files import LARGEST_SIDE, exact_mode, opened, upright_size
from esr.images.png import is_png16

_COLOURS = {"1": "black and white", "L": "grey", "P": "palette", "I;16": "16-bit grey"}
_COLOURS |= {"LA": "grey and alpha", "PA": "palette and alpha", "RGBA": "RGB and alpha"}
_ONLY_SAMPLES_TELL = ("I;16", "LA", "RGBA")


@dataclass(frozen=True)
class Header:
    """What a file says of its image before its samples.

    Attributes:
        kind: the file's format, such as ``JPEG``.
        colours: such as ``RGB`` or ``grey and alpha``.
        height: in px, upright.
        width: in px, upright.
        refusal: why :func:`esr.images.image_files.read_rgb` will refuse it; empty where it may not.
        unsure: whether only the samples tell: something may be transparent, or 16 bits may hold no more than 8.
    """

    kind: str
    colours: str
    height: int
    width: int
    refusal: str
    unsure: bool


def read_header(path: Path) -> Header:
    """Read an image's header; nothing is decoded.

    Raises:
        EsrError: missing, too large, animated, or not an image.
    """
    with opened(path, LARGEST_SIDE) as image:
        height, width = upright_size(image)
        deep = is_png16(image)
        mode, refusal = "", ""
        try:
            mode = exact_mode(path, image, deep)
        except EsrError as error:
            refusal = str(error)
        unsure = deep or mode in _ONLY_SAMPLES_TELL
        return Header(str(image.format), _colours(image, deep), height, width, refusal, unsure)


def _colours(image: Image.Image, deep: bool) -> str:
    said = _COLOURS.get(image.mode, image.mode)
    return f"16-bit {said}" if deep and not said.startswith("16-bit") else said
