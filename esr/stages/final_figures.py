"""What the leaderboard says of a row beyond what its benchmark measured: its score, and what was published of it."""

from pathlib import Path

from esr.challenge.formulas import FORMULAS
from esr.evaluation.metrics import read_metrics
from esr.recipes.read import Params
from esr.report.challenge_score import challenge_scores


def final_figures(params: Params, key: str, metrics: Path) -> dict[str, float]:
    """The score by the formula of the entry's year, where it has one, and the published numbers of an entry's own row.

    2023 ranked its entries among each other, so the score of one follows from all: it stands on the leaderboard alone.
    """
    row = params.benchmark[key]
    entry = params.entries[row.entry]
    figures: dict[str, float] = {}
    if entry.year in FORMULAS:
        score = challenge_scores(params.entries, {key: row}, {key: read_metrics(metrics)}).get(key)
        figures |= {"score": score.value} if score else {}
    if key == row.entry:
        published = {**entry.published.model_dump(), **entry.published.ratios}
        numbers = {name: value for name, value in published.items() if isinstance(value, int | float)}
        figures |= {f"published_{name}": float(value) for name, value in numbers.items()}
    return figures
