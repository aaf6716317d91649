"""The stage ``benchmark``: quality, complexity and run time of an entry's deploy form, a line of the leaderboard."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from esr.data.bicubic import upscale
from esr.data.images import write_png
from esr.data.store import PackedSet, open_set
from esr.errors import EsrError
from esr.evaluation.complexity import measure_complexity
from esr.evaluation.inference import super_resolve
from esr.evaluation.quality import psnr, ssim
from esr.evaluation.runtime import Comparison, compare
from esr.files import write_json
from esr.recipes.rows import Benchmark
from esr.weights import build_network, load_network

if TYPE_CHECKING:
    from esr.tracking.journal import Journal

Image = NDArray[np.uint8]

CROP_SIDE = 128  # HR px of a cell of the strip
CROP_IMAGES = 4  # rows of the strip, at most
BASELINE_SEED = 0


@dataclass(frozen=True, eq=False)
class Scored:
    """An image's scores, whole, and its row of the strip with the HR px where that was cut."""

    name: str
    psnr: float
    bicubic: float
    ssim: float
    bicubic_ssim: float
    top: int
    left: int
    strip: Image


def benchmark(row: Benchmark, weights: Path, manifest: Path, metrics: Path, crops: Path, journal: "Journal") -> None:
    """Measure the network of ``weights`` on the set of ``manifest``; write ``metrics`` (JSON) and ``crops`` (PNG).

    PSNR and SSIM are means over the images. ``ratio_to_baseline`` is the network's run time over the baseline's.
    The crops are one strip: a row for each of the images that bicubic restores worst, four equal cells in a row, LR
    (nearest-enlarged), bicubic, the entry, HR. What is cut depends on the images alone: it is the same for every entry.

    Raises:
        EsrError: the weights are not in deploy form or not of the row's network, or the set holds no image.
    """
    network, data_range = _load(row, weights)
    images = open_set(manifest)
    if not len(images):
        raise EsrError(f"{manifest} holds no image to score; give its source images")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)
    scored = [_score(network, data_range, images, index) for index in range(len(images))]
    shown = hardest(scored)
    write_png(crops, np.concatenate([image.strip for image in shown]))
    values = {
        **_quality(scored),
        **_run_time(compare(network, _baseline(row.baseline), device)),
        **dataclasses.asdict(measure_complexity(network)),
        "stand_in": images.stand_in,
        "images": len(images),
    }
    details = {"per_image": [_scores(image) for image in scored], "crops": [_place(image) for image in shown]}
    write_json(metrics, {**values, **details})
    journal.metrics(0, **{name: float(value) for name, value in values.items() if not isinstance(value, str)})
    journal.picture("crops", crops)


def hardest(scored: Sequence[Scored]) -> list[Scored]:
    """The images that bicubic restores worst, at most ``CROP_IMAGES``, in the order of the set."""
    worst = sorted(scored, key=lambda image: image.bicubic)[:CROP_IMAGES]
    return [image for image in scored if image in worst]


def hardest_region(bicubic: Image, hr: Image, side: int) -> tuple[int, int]:
    """Top and left of the square of ``side`` HR px, on LR pixels, where bicubic's squared error is largest.

    ``side`` is a multiple of 4. The first such square is taken where several are equal.
    """
    error = np.square(bicubic.astype(np.int64) - hr).sum(axis=2)
    sums = np.pad(error, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    squares = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(np.argmax(squares[::4, ::4]), squares[::4, ::4].shape)
    return int(top) * 4, int(left) * 4


def _load(row: Benchmark, weights: Path) -> tuple[nn.Module, float]:
    network, info = load_network(weights)
    if not info.deploy:
        raise EsrError(f"{weights} is in training form; fuse it and name that stage in `from:`")
    if info.network != row.network:
        raise EsrError(f"{weights} belongs to {info.network}, not {row.network}; make `network:` and `from:` agree")
    return network, info.data_range


def _baseline(network_file: str) -> nn.Module:
    """The baseline with seeded random weights: its run time does not depend on them, and no entry waits for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(BASELINE_SEED)
        return build_network(network_file, {}, deploy=True)


def _score(network: nn.Module, data_range: float, images: PackedSet, index: int) -> Scored:
    lr, hr = images.lr(index), images.hr(index)
    bicubic, restored = upscale(lr, 4), super_resolve(network, lr, data_range)
    side = min(CROP_SIDE, *hr.shape[:2])
    top, left = hardest_region(bicubic, hr, side)
    nearest = lr.repeat(4, axis=0).repeat(4, axis=1)
    cells = [image[top : top + side, left : left + side] for image in (nearest, bicubic, restored, hr)]
    return Scored(
        name=images.names[index],
        psnr=psnr(restored, hr),
        bicubic=psnr(bicubic, hr),
        ssim=ssim(restored, hr),
        bicubic_ssim=ssim(bicubic, hr),
        top=top,
        left=left,
        strip=np.concatenate([_cell(cell) for cell in cells], axis=1),
    )


def _cell(image: Image) -> Image:
    """The image in a cell of the strip; one that is smaller lies at the top left, on white."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, CROP_SIDE - height), (0, CROP_SIDE - width), (0, 0)), constant_values=255)


def _quality(scored: Sequence[Scored]) -> dict[str, float]:
    names = ("psnr", "bicubic", "ssim", "bicubic_ssim")
    means = {name: fmean(getattr(image, name) for image in scored) for name in names}
    return {**means, "above_bicubic": means["psnr"] - means["bicubic"]}


def _run_time(comparison: Comparison) -> dict[str, Any]:
    return {
        "time_ms": comparison.time_ms,
        "baseline_ms": comparison.baseline_ms,
        "ratio_to_baseline": comparison.ratio,
        "rounds": comparison.rounds,
        "input_height": comparison.height,
        "input_width": comparison.width,
        "threads": comparison.threads,
        "device": comparison.device,
    }


def _scores(image: Scored) -> dict[str, Any]:
    return {name: getattr(image, name) for name in ("name", "psnr", "bicubic", "ssim", "bicubic_ssim")}


def _place(image: Scored) -> dict[str, Any]:
    return {"name": image.name, "top": image.top, "left": image.left, "side": CROP_SIDE}
