"""The leaderboard's columns: what each is called, its unit, what it means, and how its numbers are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

UNKNOWN = "\N{EN DASH}"


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard.

    Attributes:
        name: in the CSV, where numbers keep their full precision and basic unit.
        title: at the head of a table.
        unit: of the number as it is shown; empty for a pure number.
        about: a sentence for people who meet the column for the first time.
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
        """A value as it is shown, an unknown one too."""
        return UNKNOWN if pd.isna(value) else self.show(value)


def decimals(number: int, unit: float = 1.0) -> Callable[[float], str]:
    """Show with so many decimals, in multiples of ``unit``."""
    return lambda value: f"{value / unit:.{number}f}"


def printed(least: int) -> Callable[[float], str]:
    """Show a number as it was printed, which has at least so many decimals."""
    return lambda value: max(f"{value:.{least}f}", str(value), key=len)


def difference(value: float) -> str:
    """A difference in dB with its sign: +0.142."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def milliseconds(value: float) -> str:
    """At least three digits: 4.22, 13.5, 147, 1,022."""
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def whole(value: float) -> str:
    """A whole number with its thousands set apart."""
    return f"{int(value):,}"


def score(value: float) -> str:
    """A score by a formula with three decimals, a sum of ranks without."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


MEASURED = (
    Column(
        "rank",
        "rank",
        "",
        "One more than there are networks that are faster: whose 95 % interval of time ends before this one's "
        "begins. None for one below bicubic.",
        whole,
    ),
    Column("psnr", "PSNR", "dB", "Mean over the images, RGB, 8 bits, a border of 4 px left out.", decimals(3)),
    Column("bicubic", "bicubic", "dB", "PSNR of bicubic upscaling on the same images, by the same rule.", decimals(3)),
    Column("above_bicubic", "above bicubic", "dB", "PSNR minus bicubic's: what the network adds to it.", difference),
    Column("ssim", "SSIM", "", "Structural similarity, mean over the images; 1 is perfect.", decimals(4)),
    Column("time_ms", "time", "ms", "Median run time of the deploy form for one image.", milliseconds),
    Column(
        "ratio_to_baseline",
        "time / baseline",
        "",
        "Run time over the baseline network's, the two measured in turns in one process; below 1 is faster.",
        decimals(3),
    ),
    Column("ratio_to_baseline_low", "from", "", "Where the 95 % interval of this ratio begins.", decimals(3)),
    Column("ratio_to_baseline_high", "to", "", "Where it ends.", decimals(3)),
    Column(
        "verdict",
        "verdict",
        "",
        "What the interval says beside the baseline; the same is within 1 %. Nothing can be told where the baseline "
        "differs from itself.",
        str,
    ),
    Column(
        "ratio_to_year_baseline",
        "time / year's",
        "",
        "The same over the run time of the baseline of the entry's year, which took turns with both.",
        decimals(3),
    ),
    Column("year_baseline", "year's baseline", "", "The network that the challenge of that year compared with.", str),
    Column(
        "score",
        "score",
        "",
        "By the rule of the entry's year, lower is better: exp(2 x) of run time, FLOPs and parameters, each over that "
        "of the year's baseline, whose score is e² = 7.389. Run time is measured here, not by the organisers.",
        score,
    ),
    Column(
        "score_rule",
        "by",
        "",
        "The year's formula; 2023 printed none, and its entries are ranked as 2022's were: a sum of five ranks.",
        str,
    ),
    Column("parameters", "parameters", "", "Weights of the deploy form.", whole),
    Column("flops", "FLOPs", "G", "10⁹ multiply-accumulates for an LR image of 256 by 256 px.", decimals(2, 1e9)),
    Column(
        "activations", "activ.", "M", "10⁶ values put out by the convolutions, for the same image.", decimals(2, 1e6)
    ),
    Column("convs", "convs", "", "Convolutions that are run.", whole),
    Column(
        "memory_mb",
        "memory",
        "MiB",
        "Peak of a pass over the image that was timed: on a GPU as the challenge's script prints it, on a CPU what the "
        "pass adds to the process, and the weights.",
        decimals(1),
    ),
)

PUBLISHED = (
    Column("published_on", "validation set", "", "The set that the printed validation PSNR belongs to.", str),
    Column("published_psnr_valid", "PSNR, validation", "dB", "On that set.", printed(2)),
    Column(
        "published_psnr_valid_also",
        "PSNR, validation, also",
        "dB",
        "What a second table of the same sheet prints for it.",
        printed(2),
    ),
    Column("published_psnr_test", "PSNR, test", "dB", "On the test set of the year.", printed(2)),
    Column("published_ssim_valid", "SSIM, validation", "", "On the validation set.", printed(2)),
    Column("published_ssim_test", "SSIM, test", "", "On the test set of the year.", printed(2)),
    Column("published_parameters_m", "parameters", "M", "Millions of weights.", printed(3)),
    Column("published_flops_g", "FLOPs", "G", "10⁹ multiply-accumulates for an LR image of 256 by 256 px.", printed(2)),
    Column("published_activations_m", "activ.", "M", "10⁶ values put out by the convolutions.", printed(2)),
    Column("published_memory_mb", "memory", "MB", "Peak GPU memory, by the organisers' script.", printed(2)),
    Column("published_convs", "convs", "", "Convolutions that are run.", whole),
)

PUBLISHED_TIMES = (
    Column("published_runtime_on", "on", "", "The card that the run time was printed for.", str),
    Column("published_runtime_ms", "run time", "ms", "By the protocol of the organisers or of the team.", printed(2)),
    Column("published_runtime_valid_ms", "on validation", "ms", "Of it, on the validation set.", printed(2)),
    Column("published_runtime_test_ms", "on test", "ms", "Of it, on the test set of the year.", printed(2)),
    Column("published_baseline", "baseline", "", "The network whose time was printed for the same machine.", str),
    Column("published_baseline_ms", "its run time", "ms", "On the same machine.", printed(2)),
    Column("published_baseline_valid_ms", "its, on validation", "ms", "Of it, on the validation set.", printed(2)),
    Column("published_baseline_test_ms", "its, on test", "ms", "Of it, on the test set of the year.", printed(2)),
    Column(
        "published_ratio_to_baseline",
        "time / baseline",
        "",
        "The quotient of the two printed run times; below 1 is faster.",
        decimals(3),
    ),
    Column(
        "published_ratio_to_baseline_valid", "ratio, validation", "", "The same on the validation set.", decimals(3)
    ),
    Column("published_ratio_to_baseline_test", "ratio, test", "", "The same on the test set of the year.", decimals(3)),
    Column(
        "ratio_to_published_baseline",
        "measured here",
        "",
        "Run time over the same baseline's, both measured here.",
        decimals(3),
    ),
)
ABOUT_PUBLISHED_TIMES = (
    "A time belongs to its machine, so only the ratio to a baseline timed on the same one says something elsewhere. "
    "It stands where a sheet prints both, and beside it what was measured here against the same baseline."
)
