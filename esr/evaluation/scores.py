"""What an image scores, and a set."""

import json
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esr.common.errors import printable
from esr.images.quality import psnr, ssim, to_y


@dataclass(frozen=True)
class Scores:
    """PSNR in dB and SSIM in RGB, by the challenge's rule, and in luma."""

    psnr_rgb: float
    ssim_rgb: float
    psnr_y: float
    ssim_y: float

    def to_json(self) -> dict[str, float | None]:
        """The scores by name; an infinite PSNR, which JSON cannot say, is null."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


@dataclass(frozen=True)
class Evaluation:
    """A set's scores: per image the network's (or whatever restored it) and bicubic's."""

    names: Sequence[str]
    images: Sequence[Scores]
    bicubic: Sequence[Scores]

    def to_json(self) -> dict[str, Any]:
        """``{"images": [{"name", ...}, ...], "mean": {...}, "bicubic": {...}}``; bicubic's are means."""
        return {
            "images": [{"name": n, **s.to_json()} for n, s in zip(self.names, self.images, strict=True)],
            "mean": mean(self.images).to_json(),
            "bicubic": mean(self.bicubic).to_json(),
        }


def score(image: NDArray[np.uint8], hr: NDArray[np.uint8], rounded_y: bool = False) -> Scores:
    """Score a restored image, uint8 HWC.

    A grey image (one channel) has no luma but its own values: they are scored in both columns, as the literature's
    MATLAB scripts do.

    Args:
        image: the restored image.
        hr: the original, of the same shape.
        rounded_y: round luma to whole levels, as MATLAB's ``rgb2ycbcr`` does.

    Raises:
        EsrError: the shapes differ, or the image is too small to score.
    """
    in_rgb = psnr(image, hr), ssim(image, hr)
    if hr.shape[2] == 1:
        return Scores(*in_rgb, *in_rgb)
    y, hr_y = to_y(image, rounded_y), to_y(hr, rounded_y)
    return Scores(*in_rgb, psnr(y, hr_y), ssim(y, hr_y))


def mean(scores: Sequence[Scores]) -> Scores:
    """The mean of each score; of PSNR the mean of the decibels, as everyone takes it."""
    return Scores(*(fmean(column) for column in zip(*map(astuple, scores), strict=True)))


def print_scores(evaluation: Evaluation, as_json: bool) -> None:
    """Print the scores on standard output: as JSON and nothing else, or as a table for people."""
    if as_json:
        print(json.dumps(evaluation.to_json(), indent=2))
    else:
        Console().print(_table(evaluation))


def _table(evaluation: Evaluation) -> Table:
    shown = Table("image", "PSNR", "SSIM", "PSNR (Y)", "SSIM (Y)", "bicubic's PSNR")
    shown.columns[0].overflow = "fold"
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, own, plain in zip(evaluation.names, evaluation.images, evaluation.bicubic, strict=True):
        shown.add_row(escape(printable(name)), *_figures(own), f"{plain.psnr_rgb:.4f}")
    shown.add_section()
    shown.add_row("mean", *_figures(mean(evaluation.images)))
    shown.add_row("bicubic", *_figures(mean(evaluation.bicubic)))
    return shown


def _figures(scores: Scores) -> list[str]:
    return [f"{value:.4f}" for value in astuple(scores)]
