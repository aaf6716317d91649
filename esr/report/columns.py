"""The leaderboard's columns: what each is called, its unit, what it means, and how its numbers are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """A column of numbers (or of one text, ``published_runtime_on``).

    Attributes:
        name: in the CSV, where numbers keep their full precision and basic unit.
        title: at the head of a table.
        unit: of the number as it is shown; empty for a pure number.
        about: one sentence for people who meet the column for the first time.
        show: a known value as text.
    """

    name: str
    title: str
    unit: str
    about: str
    show: Callable[[Any], str]

    @property
    def head(self) -> str:
        """Title and unit in one line."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def text(self, value: Any) -> str:
        """A value as it is shown, unknown ones too."""
        return UNKNOWN if pd.isna(value) else self.show(value)


def decimals(number: int, unit: float = 1.0, signed: bool = False) -> Callable[[float], str]:
    """Show with so many decimals, in units of ``unit``, with a true minus sign."""

    def show(value: float) -> str:
        return f"{value / unit:{'+' if signed else ''}.{number}f}".replace("-", "\N{MINUS SIGN}")

    return show


def milliseconds(value: float) -> str:
    """Three digits that count: 4.22, 13.5, 147."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def whole(value: float) -> str:
    """A whole number with its thousands set apart."""
    return f"{int(value):,}"


MEASURED = (
    Column(
        "psnr",
        "PSNR",
        "dB",
        "Mean over the images: RGB, 8 bits, 4 px of border left out. Higher is better.",
        decimals(3),
    ),
    Column("bicubic", "bicubic", "dB", "PSNR of bicubic upscaling on the same images, by the same rule.", decimals(3)),
    Column(
        "above_bicubic", "above bicubic", "dB", "PSNR minus bicubic's: what the network adds.", decimals(3, signed=True)
    ),
    Column("ssim", "SSIM", "", "Mean structural similarity over the images, 1 at most. Higher is better.", decimals(4)),
    Column("time_ms", "time", "ms", "Median run time of the deploy form for one image.", milliseconds),
    Column(
        "ratio_to_baseline",
        "time / baseline",
        "",
        "Run time over the baseline network's, both measured in turns in one process. Below 1 is faster.",
        decimals(2),
    ),
    Column("parameters", "parameters", "", "All weights of the deploy form.", whole),
    Column("flops", "FLOPs", "G", "10⁹ multiply-accumulates for one LR image of 256x256, by fvcore.", decimals(2, 1e9)),
    Column(
        "activations", "activations", "M", "10⁶ elements of all convolutions' outputs, at 256x256.", decimals(2, 1e6)
    ),
    Column("convs", "convs", "", "Convolutions that are run.", whole),
)

PUBLISHED = (
    Column("published_psnr_valid", "PSNR, validation", "dB", "As printed, on the set named in the last column.", str),
    Column("published_psnr_test", "PSNR, test", "dB", "As printed, on the year's hidden test set.", str),
    Column("published_runtime_ms", "run time", "ms", "As printed, by the organisers' protocol.", str),
    Column("published_runtime_on", "measured on", "", "The card that the printed run time was measured on.", str),
    Column("published_parameters_m", "parameters", "M", "As printed.", str),
    Column("published_flops_g", "FLOPs", "G", "As printed, at 256x256.", str),
    Column("published_on", "validation set", "", "The set that the printed validation PSNR belongs to.", str),
)
