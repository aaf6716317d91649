"""What a scale makes of a phase, where it runs: also how much longer it is because a teacher was thinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esr.recipes.rows import Distill, Finetune, FreshPhase, Phase
from esr.recipes.scale import Role, Schedule, TrainingRule, shrink_patch, shrink_phase, thin_teacher
from esr.recipes.shared_work import SharedWork
from esr.recipes.step import NetworkSpec, Step
from esr.weights.step_work import times_lighter

if TYPE_CHECKING:
    from esr.recipes.graph import Node


def schedule_of(row: Phase, role: Role, rule: TrainingRule, node: Node, images: int) -> Schedule:
    """The phase of ``node`` on a set of ``images`` images, by the rule and by what the scale shares out.

    Raises:
        EsrError: a teacher is thinned and its network cannot be counted.
    """
    shared = node.shared_work(row.entry)
    if shared is None:
        return shrink_phase(row, role, rule, images)
    return shrink_phase(row, role, rule, images, shared.training_work, _times_lighter(row, role, rule, shared))


def _times_lighter(row: Phase, role: Role, rule: TrainingRule, shared: SharedWork) -> float:
    """What esr.planning.phases says of the rows, by what the stage depends on."""
    if role == "teacher":
        assert isinstance(row, FreshPhase)
        arguments = row.arguments
    elif isinstance(row, Distill | Finetune) and (reference := _reference(row)) in shared.thinned:
        arguments = shared.thinned[reference]
    else:
        return 1.0
    at_paper, here = (_step(row, NetworkSpec(_file(row), each)) for each in (arguments, thin_teacher(arguments, rule)))
    return times_lighter(at_paper, here, shrink_patch(row, rule))


def _reference(row: Distill | Finetune) -> str:
    return row.teacher if isinstance(row, Distill) else row.from_


def _file(row: Phase) -> str:
    return row.teacher_network if isinstance(row, Distill) else row.network


def _step(row: Phase, thinned: NetworkSpec) -> Step:
    return Step(NetworkSpec(row.network, row.arguments), thinned) if isinstance(row, Distill) else Step(thinned)
