"""A contact sheet: the first patches that a phase would be given, LR beside HR, as one picture."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from esr.batches.batches import Batches
from esr.batches.sampling import Sampler
from esr.common.errors import printable
from esr.common.factor import SCALE
from esr.images.image_files import write_png
from esr.packed.store import PackedSet

COLUMNS, ROWS = 6, 4
_GAP = 8  # px around a pair; half of it between LR and HR
_LINE = 16  # px for a name
_TEXT = 12  # px

Pixels = NDArray[np.uint8]


def draw_sheet(images: PackedSet, patch: int, seed: int, path: Path) -> None:
    """Write a PNG of random training patches: each LR, enlarged by nearest neighbour, and its HR to the right of it.

    They are the samples with which a phase that draws by ``seed`` begins, cut, flipped and turned by what training
    cuts, flips and turns with.

    Args:
        images: where the patches come from.
        patch: side of an HR patch in px, a multiple of 4.
        seed: of what is drawn.
        path: the file to write.

    Raises:
        EsrError: the patch fits into no image, an image cannot be read, the file not be written.
    """
    count = COLUMNS * ROWS
    batches = Batches(images, patch, 1, iterations=count, seed=seed, data_range=255.0)  # an image in memory at a time
    pairs = [_side_by_side(_pixels(lr), _pixels(hr)) for lr, hr in batches]
    names = [images.names[image] for image in Sampler(images.sizes, patch, seed).draw(0, count).image]
    write_png(path, _laid_out(pairs, names))


def _pixels(batch: torch.Tensor) -> Pixels:
    """A batch of one patch (1, 3, H, W) of whole levels as uint8 (H, W, 3)."""
    return batch[0].permute(1, 2, 0).to(torch.uint8).numpy()


def _side_by_side(lr: Pixels, hr: Pixels) -> Pixels:
    enlarged = lr.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    between = np.full((len(hr), _GAP // 2, 3), 255, np.uint8)
    return np.concatenate([enlarged, between, hr], axis=1)


def _laid_out(pairs: list[Pixels], names: list[str]) -> Pixels:
    """The pairs in rows of six on white, each with its image's name above."""
    height, width = pairs[0].shape[:2]
    cell_height, cell_width = height + _LINE + _GAP, width + _GAP
    sheet = Image.new("RGB", (COLUMNS * cell_width + _GAP, ROWS * cell_height + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for place, (pair, name) in enumerate(zip(pairs, names, strict=True)):
        top, left = _GAP + place // COLUMNS * cell_height, _GAP + place % COLUMNS * cell_width
        draw.text((left, top), _shortened(printable(name), draw, font, width), "black", font)
        sheet.paste(Image.fromarray(pair), (left, top + _LINE))
    return np.asarray(sheet)


def _shortened(
    text: str, draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> str:
    """As much of the text's end as fits, where names differ most."""
    while draw.textlength(text, font) > width:
        text = f"...{text.removeprefix('...')[1:]}"
    return text
