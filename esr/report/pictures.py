"""A benchmark's strip of crops, cut into the pictures of the page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from esr.common.errors import EsrError
from esr.evaluation.metrics import ImageScores, Metrics

CELLS = 4


@dataclass(frozen=True)
class CropRow:
    """One region of an image four times, as ``data:`` addresses of PNGs, and the scores of the whole image."""

    scores: ImageScores
    lr: str
    bicubic: str
    entry: str
    hr: str


def cut_crops(strip: Path, metrics: Metrics) -> list[CropRow]:
    """Cut the strip along the cells that its benchmark's metrics tell of.

    Raises:
        EsrError: it is no image, or has another size than the metrics say.
    """
    scores = {image.name: image for image in metrics.sets[0].images}
    try:
        with Image.open(strip) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise EsrError(f"{strip} is damaged ({error}); run its benchmark again") from error
    side = metrics.crops[0].side if metrics.crops else 0
    if image.size != (CELLS * side, len(metrics.crops) * side):
        raise EsrError(f"{strip} is not the strip that its metrics tell of; run its benchmark again")
    return [
        CropRow(scores[region.name], *(_cell(image, side, index, column) for column in range(CELLS)))
        for index, region in enumerate(metrics.crops)
    ]


def _cell(image: Image.Image, side: int, row: int, column: int) -> str:
    png = io.BytesIO()
    box = (column * side, row * side, (column + 1) * side, (row + 1) * side)
    image.crop(box).save(png, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
