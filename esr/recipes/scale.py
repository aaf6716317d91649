"""The rule that shrinks the paper's recipes to a scale (the table `scales` of params.yaml).

One rule serves every entry: divide and bound. Nothing else about a recipe changes with the scale.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from esr.recipes.rows import (
    MOST_ITERATIONS,
    Argument,
    Change,
    Distill,
    Download,
    Iterations,
    LossName,
    Name,
    Optimisation,
    Phase,
    Prune,
    Rate,
    Row,
    TrainingWork,
    Weight,
    Work,
)

Role = Literal["teacher", "first", "later", "prune"]
Share = Annotated[float, Field(gt=0, le=1e6)]
TimedSide = Annotated[int, Field(ge=1, le=16_384)]
THINNED_ARGUMENTS = {"channels": "channels_at_most", "inner": "channels_at_most", "blocks": "blocks_at_most"}


class Shares(Row):
    """How the work of an entry is divided: only the proportions count, among the roles that the entry has."""

    teacher: Share = Field(description="of teachers")
    first: Share = Field(description="of first phases (distill, train)")
    later: Share = Field(description="of all later phases together (finetune)")
    prune: Share = Field(description="of all rounds of pruning together")


class Length(Row):
    """How long a phase is: the number given here for its role, else its share of work or paper's / divide.

    Every entry gets the same work, divided by role, or spread over its phases as at paper; the phases of one role keep
    their proportions. Where a smaller patch or batch, a thinned teacher, or fewer rounds of pruning make a phase
    lighter, it runs so much longer, yet never longer than the paper's.
    """

    work: Work | None = Field(
        None,
        description="multiply-accumulates of an entry's whole training, forward and backward, instead of divide; "
        "with entries.NAME.training_work it says what a phase keeps of the paper's length",
    )
    shares: Shares | None = Field(
        None,
        description="how work is divided by role; none: as at paper. A role that an entry lacks leaves its part to the "
        "others",
    )
    divide: float = Field(1.0, ge=1, le=1e9, description="the paper's number of iterations is divided by this")
    teacher: Iterations | None = Field(None, description="iterations of a teacher")
    first: Iterations | None = Field(None, description="iterations of an entry's first phase (distill, train)")
    later: Iterations | None = Field(None, description="iterations of a later phase (finetune)")
    prune_round: Iterations | None = Field(None, description="iterations of fine-tuning in a pruning round")
    prune_rounds_at_most: int | None = Field(
        None, ge=1, le=100_000, description="bound for the number of pruning rounds"
    )

    @model_validator(mode="after")
    def _one_measure(self) -> "Length":
        if self.work is not None and self.divide != 1:
            raise ValueError("work and divide both say how much of the paper's length is left; give one of them")
        if self.shares is not None and self.work is None:
            raise ValueError("shares divide the work of an entry; give work, too")
        return self


class Shrunk(Row):
    """max(paper's value / divide, at_least)."""

    divide: float = Field(1.0, ge=1, le=1e9, description="the paper's value is divided by this")
    at_least: int = Field(
        1, ge=1, le=65_536, description="bound from below; where the paper's value is smaller, that one stays"
    )


class ShrunkPatch(Shrunk):
    """The same of a patch, whose side is a multiple of 4."""

    at_least: int = Field(
        4, ge=4, le=8192, multiple_of=4, description="bound from below, unless the paper's is smaller"
    )


class LearningRate(Row):
    """Few iterations want a higher rate in the first phase, and a warm-up."""

    first_at_least: Rate | None = Field(None, description="floor of the rate of teachers and first phases")
    first_at_most_times: float | None = Field(
        None,
        ge=1,
        le=1e6,
        description="bound of what the floor does, in multiples of the paper's rate: some networks diverge",
    )
    first_halved: bool = Field(
        True,
        description="whether teachers and first phases halve their rate at their milestones; short ones learn less",
    )
    later_at_most: Rate | None = Field(None, description="ceiling of the rate of later phases")
    warmup: int = Field(
        0,
        ge=0,
        le=MOST_ITERATIONS,
        description="iterations over which the rate of teachers and first phases rises from 0",
    )


class Thinned(Row):
    """Teachers at this scale: bounds on their arguments `channels`, `inner` and `blocks`, and on what they count."""

    channels_at_most: int | None = Field(None, ge=4, le=100_000, description="none: as in the row")
    blocks_at_most: int | None = Field(None, ge=1, le=100_000, description="none: as in the row")
    weight_at_most: Weight | None = Field(
        None,
        description="bound for teacher_weight: at 1 a student learns nothing that its teacher does not know, since the "
        "two L1 losses together are least at the teacher's own output",
    )


class DataRule(Row):
    """Which images a scale uses."""

    stand_in: bool = Field(
        description="photographs that come with scikit-image and scikit-learn stand in for every source"
    )
    only_source: Name | None = Field(description="the one training source in use; the others give no images")
    in_place_of: dict[Name, Download] = Field(
        default={}, description="other images for a source, by its key: a row as of `download`; they count as stand-ins"
    )

    @model_validator(mode="after")
    def _one_stand_in(self) -> "DataRule":
        if self.stand_in and self.in_place_of:
            raise ValueError("stand_in is for every source already; remove it, or in_place_of")
        return self


class TrainingRule(Row):
    """How a scale shrinks what trains."""

    length: Length = Field(Length(), description="iterations of a phase")
    patch: ShrunkPatch = Field(ShrunkPatch(), description="side of a training patch, HR pixels")
    batch: Shrunk = Field(Shrunk(), description="patches per iteration")
    learning_rate: LearningRate = Field(LearningRate(), description="bounds, and a warm-up")
    teacher: Thinned = Field(Thinned(), description="how wide and deep a teacher may be")
    validate_every: Iterations = Field(description="iterations between two validations during training")


class Measuring(Row):
    """How long run time is measured, and on which images."""

    sizes: list[Annotated[tuple[TimedSide, TimedSide], Field(strict=False)]] = Field(
        min_length=1, description="height and width in LR pixels; the leaderboard shows the first"
    )
    seconds: float = Field(gt=0, le=86_400, description="spent on the rounds of a size, at most")
    narrow: float = Field(
        gt=0, le=1, description="enough rounds: the 95 % interval of every ratio is no wider than this part of it"
    )


class Scale(Row):
    """A row of `scales`."""

    threads: int = Field(ge=1, le=1024, description="CPU threads of every stage; another number gives other last bits")
    data: DataRule = Field(description="which images it uses")
    training: TrainingRule = Field(description="how it shrinks what trains")
    measuring: Measuring = Field(description="how run time is measured")


class Schedule(BaseModel):
    """What will run: a phase after the rule."""

    model_config = ConfigDict(frozen=True)

    iterations: int
    warmup: int
    patch: int
    batch: int
    learning_rate: float
    milestones: list[int]
    rates: list[tuple[int, float]]  # from which iteration on, where the row changes its rate
    losses: list[tuple[int, LossName]]  # from which iteration on, the first from 0
    validate_every: int
    teacher_weight: float = 0.0


def paper_iterations(phase: Phase, images: int) -> int:
    """The phase's length in iterations; an epoch is of the row's images_per_epoch, else of the set's ``images``."""
    if phase.iterations is not None:
        return phase.iterations
    assert phase.epochs is not None
    return math.ceil(phase.epochs * (phase.images_per_epoch or images) / phase.batch)


def shrink_phase(
    phase: Phase,
    role: Role,
    rule: TrainingRule,
    images: int,
    training_work: TrainingWork | None = None,
    lighter: float = 1.0,
) -> Schedule:
    """Apply ``rule`` to a phase.

    Args:
        phase: the row.
        role: what the rule takes it for.
        rule: the scale's.
        images: of the set that it trains on.
        training_work: the entry's at paper; None where the rule shares out none.
        lighter: the work of a step at paper over that of a step of the networks that the rule leaves, on one patch.
    """
    paper = paper_iterations(phase, images)
    given = {"teacher": rule.length.teacher, "first": rule.length.first, "later": rule.length.later}[role]
    iterations = given or _bounded(paper * lighter * _kept(phase, role, rule, training_work), paper)
    milestones = phase.milestones if role == "later" or rule.learning_rate.first_halved else []
    rate = shrink_rate(phase.learning_rate, role, rule.learning_rate)

    def begin(change: Change) -> int:
        length = phase.iterations or phase.epochs
        assert length is not None
        return round(change.place * iterations / length)

    return Schedule(
        iterations=iterations,
        warmup=0 if role == "later" else min(rule.learning_rate.warmup, iterations // 2),
        patch=shrink_patch(phase, rule),
        batch=shrink_batch(phase, rule),
        learning_rate=rate,
        milestones=[round(milestone * iterations / paper) for milestone in milestones],
        rates=[
            (begin(change), change.learning_rate * rate / phase.learning_rate)
            for change in phase.changes
            if change.learning_rate is not None
        ],
        losses=[(0, phase.loss), *((begin(change), change.loss) for change in phase.changes if change.loss)],
        validate_every=rule.validate_every,
        teacher_weight=shrink_teacher_weight(phase, rule),
    )


def shrink_round(row: Prune, rule: TrainingRule, training_work: TrainingWork | None = None) -> Schedule:
    """Apply ``rule`` to one round of pruning, of an entry with this work at paper."""
    paper, kept = row.iterations_per_round, _kept(row, "prune", rule, training_work)
    if rule.length.work is not None:
        kept *= row.most_rounds / most_rounds(row, rule)
    return Schedule(
        iterations=rule.length.prune_round or _bounded(paper * kept, paper),
        warmup=0,
        patch=shrink_patch(row, rule),
        batch=shrink_batch(row, rule),
        learning_rate=row.learning_rate,
        milestones=[],
        rates=[],
        losses=[(0, row.loss)],
        validate_every=rule.validate_every,
    )


def most_rounds(row: Prune, rule: TrainingRule) -> int:
    """Rounds of pruning at this scale, at most."""
    return min(row.most_rounds, rule.length.prune_rounds_at_most or row.most_rounds)


def _kept(row: Optimisation, role: Role, rule: TrainingRule, training_work: TrainingWork | None) -> float:
    """The part of the paper's iterations that this scale keeps of a row, whose entry has ``training_work`` at paper."""
    if rule.length.work is None:
        return 1 / rule.length.divide
    assert training_work is not None  # params.yaml is refused otherwise
    pixels, fewer_pixels = row.batch * row.patch**2, shrink_batch(row, rule) * shrink_patch(row, rule) ** 2
    kept_work = rule.length.work * _part_of_work(role, rule.length.shares, training_work.by_role)
    return kept_work * pixels / fewer_pixels


def _part_of_work(role: Role, shares: Shares | None, by_role: Mapping[str, float]) -> float:
    """What a role gets of the work of an entry, over the role's work at paper."""
    if shares is None:
        return 1 / sum(by_role.values())
    of_all = sum(getattr(shares, each) for each in by_role)
    part: float = getattr(shares, role) / of_all / by_role[role]
    return part


def _bounded(iterations: float, paper: int) -> int:
    return max(1, min(paper, round(iterations)))


def shrink_rate(paper: float, role: Role, rule: LearningRate) -> float:
    """The learning rate that a phase starts with at this scale."""
    if role == "later":
        return min(paper, rule.later_at_most or paper)
    floor = min(rule.first_at_least or paper, paper * (rule.first_at_most_times or math.inf))
    return max(paper, floor)


def shrink_patch(row: Optimisation, rule: TrainingRule) -> int:
    """HR patch side at this scale: a multiple of 4, never above the paper's."""
    return min(row.patch, max(int(row.patch / rule.patch.divide) // 4 * 4, rule.patch.at_least))


def shrink_batch(row: Optimisation, rule: TrainingRule) -> int:
    """Batch at this scale, never above the paper's."""
    return min(row.batch, max(int(row.batch / rule.batch.divide), rule.batch.at_least))


def shrink_teacher_weight(phase: Phase, rule: TrainingRule) -> float:
    """What the loss to a teacher's output counts at this scale; 0 where there is no teacher."""
    paper = phase.teacher_weight if isinstance(phase, Distill) else 0.0
    return paper if rule.teacher.weight_at_most is None else min(paper, rule.teacher.weight_at_most)


def thin_teacher(arguments: Mapping[str, Argument], rule: TrainingRule) -> dict[str, Argument]:
    """A teacher's constructor arguments at this scale."""
    bounds = {name: getattr(rule.teacher, field) for name, field in THINNED_ARGUMENTS.items()}
    return {
        name: min(value, bounds[name]) if isinstance(value, int) and bounds.get(name) else value
        for name, value in arguments.items()
    }
