"""The pictures of the page: cut out of the benchmarks' strips, each once, and not too many of them.

A page grows by a tenth or a sixth of a megabyte with every picture of a network: ``MOST`` of them, with what they are
compared with, take below four megabytes at demo, and five on the photographs of laptop-short. The first ``MOST`` rows
of the leaderboard are shown, of each as many images as there is room for, and one at least. Pictures are lossless
WebP, two thirds of PNG's size.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.evaluation.metrics import CELL_HEIGHT, CELL_WIDTH, ImageScores, Metrics, Region

CELLS = 4
MOST = 24
"""Pictures of networks on a page."""


@dataclass(frozen=True)
class NetworksPicture:
    """What a network makes of a scene, as a ``data:`` address, and the scores of the whole image."""

    key: str
    address: str
    scores: ImageScores


@dataclass
class Scene:
    """A part of an image, in every way that it can be seen.

    Attributes:
        name: the image's.
        width, height: in HR px.
        lr: a ``data:`` address, in LR px; the others are in HR px.
        bicubic, hr: likewise.
        bicubic_psnr: of the whole image, in dB.
        networks: in the order of the leaderboard.
    """

    name: str
    width: int
    height: int
    lr: str
    bicubic: str
    hr: str
    bicubic_psnr: float
    networks: list[NetworksPicture] = field(default_factory=list)


def cut_scenes(strips: Mapping[str, Path], metrics: Mapping[str, Metrics], order: Sequence[str]) -> list[Scene]:
    """The scenes of the page, the one that bicubic restores worst first.

    Args:
        strips: each row's strip of crops, by its key.
        metrics: likewise.
        order: the keys in the order of the leaderboard.

    Raises:
        EsrError: a strip is no image, or has another size than its metrics say.
    """
    scenes: dict[tuple[str, str], Scene] = {}
    images = max(1, MOST // len(order))
    for key in order[:MOST]:
        strip, regions = _read(strips[key], len(metrics[key].crops)), metrics[key].crops
        scores = {image.name: image for image in metrics[key].sets[0].images}
        hardest = sorted(range(len(regions)), key=lambda row: scores[regions[row].name].bicubic)
        for row in hardest[:images]:
            _add(scenes, key, scores[regions[row].name], _cells(strip, regions[row], row))
    return list(scenes.values())


def _read(strip: Path, rows: int) -> Image.Image:
    try:
        with Image.open(strip) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise EsrError(f"{strip} is damaged ({error}); run its benchmark again") from error
    if image.size != (CELLS * CELL_WIDTH, rows * CELL_HEIGHT):
        raise EsrError(f"{strip} is not the strip that its metrics tell of; run its benchmark again")
    return image


def _cells(strip: Image.Image, region: Region, row: int) -> list[Image.Image]:
    """LR (nearest-enlarged), bicubic, the network and HR, as they lie in a row of the strip."""
    lefts, top = range(0, CELLS * CELL_WIDTH, CELL_WIDTH), row * CELL_HEIGHT
    return [strip.crop((left, top, left + region.width, top + region.height)) for left in lefts]


def _add(scenes: dict[tuple[str, str], Scene], key: str, scores: ImageScores, cells: Sequence[Image.Image]) -> None:
    """Add a row of a strip to the scene that it is of: the one with the same original."""
    lr, bicubic, network, hr = cells
    original = _address(hr)
    scene = scenes.get((scores.name, original))
    if scene is None:
        small = lr.resize((lr.width // SCALE, lr.height // SCALE), Image.Resampling.NEAREST)
        scene = Scene(scores.name, *hr.size, _address(small), _address(bicubic), original, scores.bicubic)
        scenes[scores.name, original] = scene
    scene.networks.append(NetworksPicture(key, _address(network), scores))


def _address(image: Image.Image) -> str:
    webp = io.BytesIO()
    image.save(webp, "WEBP", lossless=True, quality=80, method=4)
    return f"data:image/webp;base64,{base64.b64encode(webp.getvalue()).decode()}"
