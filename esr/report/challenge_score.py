"""What a row of the leaderboard scores by the formula of its entry's year, from what was measured here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from esr.challenge.formulas import FORMULAS, Cost, Formula
from esr.challenge.rank_sums import YEAR, rank_sums
from esr.evaluation.metrics import Metrics
from esr.recipes.rows import Benchmark, Entry


@dataclass(frozen=True)
class ChallengeScore:
    """A score, lower being better, and the rule that it is by, in words."""

    value: float
    rule: str


def challenge_scores(
    entries: Mapping[str, Entry], rows: Mapping[str, Benchmark], metrics: Mapping[str, Metrics]
) -> dict[str, ChallengeScore]:
    """The scores by the rows' keys; without those of years that have no rule here, or were timed beside another.

    Since 2024 the year's formula weighs run time over the year's baseline, as it was measured here, and FLOPs and
    parameters over the baseline's printed ones. 2023 ranks its entries among each other.
    """
    scores = {}
    for key, row in rows.items():
        formula = FORMULAS.get(entries[row.entry].year)
        if formula and network_name(row.year_baseline) == formula.baseline:
            score = formula.final(_relative(formula, metrics[key]))
            scores[key] = ChallengeScore(score, f"{entries[row.entry].year}'s formula")
    return scores | _ranked({key: metrics[key] for key, row in rows.items() if entries[row.entry].year == YEAR})


def network_name(file: str) -> str:
    """A network's name by its file, as people write it: RFDN of esr/networks/rfdn.py."""
    return PurePosixPath(file).stem.upper()


def _relative(formula: Formula, metrics: Metrics) -> Cost:
    return Cost(
        metrics.ratio_to_year_baseline,
        metrics.flops / 1e9 / formula.printed.flops,
        metrics.parameters / 1e6 / formula.printed.parameters,
    )


def _ranked(metrics: Mapping[str, Metrics]) -> dict[str, ChallengeScore]:
    """Rank sums of 2023's entries; none where the memory of one is unknown."""
    rivals = [
        (each.ratio_to_baseline, each.parameters, each.flops_2023, each.activations, each.memory_mb)
        for each in metrics.values()
        if each.memory_mb is not None
    ]
    if len(rivals) < len(metrics):
        return {}
    rule = f"{YEAR}'s ranks, assumed"
    return {key: ChallengeScore(value, rule) for key, value in zip(metrics, rank_sums(rivals), strict=True)}
