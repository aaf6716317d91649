"""Which stages the weights of a row of the leaderboard went through."""

from esr.recipes.read import Params
from esr.recipes.rows import Distill


def lineage(params: Params, reference: str) -> list[str]:
    """The stages that a stage's weights went through, such as ``train/r2net-1``, the first one first, itself last."""
    row = params.row(*reference.split("/"))
    before = lineage(params, row.from_) if hasattr(row, "from_") else []
    return [*before, reference]


def with_teachers(params: Params, references: list[str]) -> list[str]:
    """The same, with the stages that made the teacher of a distillation before it."""
    found: list[str] = []
    for reference in references:
        row = params.row(*reference.split("/"))
        teachers = lineage(params, row.teacher) if isinstance(row, Distill) else []
        found += [each for each in [*teachers, reference] if each not in found]
    return found
