"""The challenge's scores: expected values are what the organisers print, or sums by hand."""

import math

import pytest

from esr.challenge.formulas import FORMULAS, Cost, against
from esr.challenge.rank_sums import rank_sums

E2 = 7.389056098930650


@pytest.mark.parametrize("year", FORMULAS)
def test_a_baseline_scores_e_squared_in_every_part_as_every_year_prints(year: int) -> None:
    formula = FORMULAS[year]
    relative = formula.printed.over(formula.printed)
    assert formula.parts(relative) == Cost(E2, E2, E2)
    assert formula.final(relative) == pytest.approx(E2, rel=1e-12)


@pytest.mark.parametrize(
    ("flops_g", "parameters_m", "flops_score", "parameters_score"),
    [
        (11.991174144, 0.207774, 3.3846, 3.7094),  # SlimRLFN's factsheet prints the scores; its code gives the counts
        (13.05, 0.2148, 3.7694, 3.8776),  # R2Net's
    ],
)
def test_the_parts_of_2024_are_those_of_the_factsheets(
    flops_g: float, parameters_m: float, flops_score: float, parameters_score: float
) -> None:
    formula = FORMULAS[2024]
    parts = formula.parts(Cost(13.54, flops_g, parameters_m).over(formula.printed))
    assert parts.flops == pytest.approx(flops_score, abs=2e-4)  # R2Net's counts have four digits
    assert parts.parameters == pytest.approx(parameters_score, abs=2e-4)


def test_a_final_score_of_2024() -> None:
    """IFADNet's sheet: 5.8616, from 13.36 ms and from scores of 2.7022 for FLOPs and 2.7961 for parameters."""
    ratios = Cost(13.36 / 13.54, math.log(2.7022) / 2, math.log(2.7961) / 2)
    assert FORMULAS[2024].final(ratios) == pytest.approx(5.8616, abs=3e-4)  # a run time of four digits


def test_2026_weighs_run_time_by_eight_tenths() -> None:
    """SPANV2, from the results.json of 2026 over SPAN's there: 5.241465 of 7.736397 ms, and so on; printed 3.873."""
    relative = Cost(5.2414651981 / 7.7363970655, 1.591738368 / 9.833807872, 0.139104 / 0.150688)
    assert f"{FORMULAS[2026].final(relative):.3f}" == "3.873"


def test_a_cost_beyond_floats_scores_infinity() -> None:
    assert FORMULAS[2026].final(Cost(1000.0, 1.0, 1.0)) == math.inf


@pytest.mark.parametrize(
    ("psnr", "verdict"),
    [
        (26.90, "met"),
        (26.8964, "met when rounded"),  # PDS of 2026, which the organisers ranked
        (26.8949, "not met"),
        (26.8024, "not met"),  # a SAFMN of 2026
    ],
)
def test_a_threshold_is_compared_with_two_decimals(psnr: float, verdict: str) -> None:
    assert against(psnr, 26.90) == verdict


def test_ranks_are_summed_and_equals_share_the_better_one() -> None:
    """By hand: ranks (1, 2, 2), (2, 1, 1) and (2, 3, 3)."""
    assert rank_sums([[10.0, 5.0, 7.0], [20.0, 4.0, 6.0], [20.0, 6.0, 8.0]]) == [5, 4, 8]
