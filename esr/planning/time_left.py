"""What a run has left, from how fast its trainings are: roughly, as the work of a network says its time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from esr.planning.makespan import Job, makespan

AROUND = 2.0  # seconds of any stage before and after its own work


@dataclass(frozen=True)
class Pending:
    """A stage that is not done.

    Attributes:
        job: the stage, for the scheduler; its seconds are not known yet.
        kind: of stage.
        work: what it trains, in multiply-accumulates; None: it trains nothing.
        least: seconds that it takes at least by its rule, as a measurement does.
        elapsed: seconds since it began; None: it waits.
        left: seconds that it says it has left; None: it does not say.
    """

    job: Job
    kind: str
    work: float | None = None
    least: float = 0.0
    elapsed: float | None = None
    left: float | None = None


@dataclass(frozen=True)
class Observed:
    """A stage that has told its speed, or has ended.

    Attributes:
        kind: of stage.
        seconds: that all of it takes, or took.
        work: as in Pending.
    """

    kind: str
    seconds: float
    work: float | None = None


def time_left(pending: Sequence[Pending], observed: Iterable[Observed], cores: int, gpus: int) -> float | None:
    """Seconds until the last stage ends; None while a training waits and the speed of none is known.

    A training takes its work times what a multiply-accumulate took in those observed. Anything else takes as long as
    those of its kind took on the average.

    Args:
        pending: in an order in which they could run.
        observed: of this run.
        cores, gpus: to share out.
    """
    seen = list(observed)
    pace = _pace(seen)
    usual = _usual(seen)
    jobs: dict[str, Job] = {}
    for each in sorted(pending, key=lambda each: each.elapsed is None):  # who is at work has its cores already
        seconds = _seconds(each, pace, usual)
        if seconds is None:
            return None
        needs = () if each.elapsed is not None else each.job.needs
        jobs[each.job.name] = replace(each.job, seconds=seconds, needs=needs)
    return makespan(jobs, cores, gpus)


def _seconds(each: Pending, pace: float | None, usual: Mapping[str, float]) -> float | None:
    """What a stage has left; None where it is a training and no speed is known."""
    if each.left is not None:
        return each.left
    if each.work is not None:
        whole = None if pace is None else AROUND + each.work * pace
    else:
        whole = usual.get(each.kind, AROUND + each.least)
    return None if whole is None else max(0.0, whole - (each.elapsed or 0.0))


def _pace(seen: Sequence[Observed]) -> float | None:
    """Seconds per multiply-accumulate of training."""
    trained = [(each.seconds, each.work) for each in seen if each.work]
    work = sum(work for _, work in trained)
    return sum(seconds for seconds, _ in trained) / work if work else None


def _usual(seen: Sequence[Observed]) -> dict[str, float]:
    """The mean time of each kind that trains nothing."""
    kinds = {each.kind for each in seen if each.work is None}
    times = {kind: [each.seconds for each in seen if each.kind == kind] for kind in kinds}
    return {kind: sum(seconds) / len(seconds) for kind, seconds in times.items()}
