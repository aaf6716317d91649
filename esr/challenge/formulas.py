"""How the challenge's organisers score an entry since 2024: formulas, baselines and thresholds, as they print them.

The README of each year's repository (Amazingren/NTIRE2024_ESR and so on) gives the formula. A part of the score is
exp(2 m / m of the baseline) of run time, FLOPs and parameters; the score is their weighted sum, and lower is better, so
that a baseline has e^2 = 7.3891. 2023 printed none: :mod:`esr.challenge.rank_sums`.
"""

import math
from dataclasses import dataclass

MET, MET_ROUNDED, NOT_MET = "met", "met when rounded", "not met"


@dataclass(frozen=True)
class Cost:
    """What the formula weighs: of a network, of its baseline, or the one over the other.

    Attributes:
        runtime: ms for an image, mean over the year's validation and test sets.
        flops: 10^9 multiply-accumulates for an LR image of 256 x 256.
        parameters: 10^6 weights.
    """

    runtime: float
    flops: float
    parameters: float

    def over(self, baseline: "Cost") -> "Cost":
        """Each over the baseline's."""
        return Cost(self.runtime / baseline.runtime, self.flops / baseline.flops, self.parameters / baseline.parameters)


@dataclass(frozen=True)
class Formula:
    """A year's formula.

    Attributes:
        baseline: the network that costs are held against.
        printed: the baseline's cost, as the year's README prints it.
        weights: of the three parts; their sum is 1.
        asked_valid: dB on DIV2K_LSDIR_valid; an entry below is not ranked.
        asked_test: dB on DIV2K_LSDIR_test, likewise.
    """

    baseline: str
    printed: Cost
    weights: Cost
    asked_valid: float = 26.90
    asked_test: float = 26.99

    def parts(self, relative: Cost) -> Cost:
        """The scores of run time, FLOPs and parameters, each over the baseline's; infinite beyond floats."""
        return Cost(*(_exponential(2 * value) for value in (relative.runtime, relative.flops, relative.parameters)))

    def final(self, relative: Cost) -> float:
        """The score that the main track is ranked by."""
        parts = self.parts(relative)
        return (
            self.weights.runtime * parts.runtime
            + self.weights.flops * parts.flops
            + self.weights.parameters * parts.parameters
        )


FORMULAS = {
    2024: Formula("RLFN", Cost(13.54, 19.67, 0.317), Cost(0.7, 0.15, 0.15)),
    2025: Formula("EFDN", Cost(16.69, 16.70, 0.276), Cost(0.7, 0.15, 0.15)),
    2026: Formula("SPAN", Cost(7.74, 9.83, 0.151), Cost(0.8, 0.1, 0.1)),
}
"""By year."""


def against(psnr: float, asked: float) -> str:
    """Whether a PSNR meets what was asked, both in dB: ``MET``, ``MET_ROUNDED`` or ``NOT_MET``.

    The organisers compare what their table prints, with two decimals: 26.8964 passes as 26.90.
    """
    if psnr >= asked:
        return MET
    return MET_ROUNDED if float(f"{psnr:.2f}") >= asked else NOT_MET


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
