"""What a run has left, by hand."""

import pytest

from esr.planning.makespan import Job
from esr.planning.time_left import AROUND, Observed, Pending, time_left


def pending(
    name: str,
    work: float | None = None,
    needs: str = "",
    least: float = 0.0,
    elapsed: float | None = None,
    left: float | None = None,
) -> Pending:
    return Pending(Job(name, 0.0, 1, 0, needs.split()), name.split("@")[0], work, least, elapsed, left)


def test_a_waiting_training_takes_its_work_at_the_speed_of_those_seen() -> None:
    """100 s for 10 and 20 s for 2 are 10 s a unit: 3 units after the 40 s of the one before take 40 + 30."""
    seen = [Observed("train", 100.0, 10.0), Observed("train", 20.0, 2.0)]
    chain = [pending("train@a", 9.0, elapsed=5.0, left=40.0), pending("finetune@a", 3.0, needs="train@a")]
    assert time_left(chain, seen, cores=2, gpus=0) == pytest.approx(40 + AROUND + 30)


def test_stages_run_side_by_side_as_the_cores_allow() -> None:
    running = [pending(f"train@{name}", 1.0, elapsed=1.0, left=seconds) for name, seconds in (("a", 30.0), ("b", 50.0))]
    assert time_left(running, [], cores=2, gpus=0) == 50
    assert time_left(running, [], cores=1, gpus=0) == 80


def test_nothing_is_said_while_a_training_waits_and_no_speed_is_known() -> None:
    assert time_left([pending("train@a", 1.0)], [Observed("crop", 3.0)], cores=2, gpus=0) is None


def test_another_kind_takes_what_its_like_took_and_before_that_what_its_rule_says() -> None:
    waiting = [pending("benchmark@a", least=6.0)]
    assert time_left(waiting, [], cores=1, gpus=0) == AROUND + 6
    seen = [Observed("benchmark", 10.0), Observed("benchmark", 20.0)]
    assert time_left(waiting, seen, cores=1, gpus=0) == 15


def test_what_runs_longer_than_was_expected_has_nothing_left() -> None:
    assert time_left([pending("fuse@a", elapsed=60.0)], [], cores=1, gpus=0) == 0


def test_a_pruning_without_a_word_of_its_own_has_its_work_less_what_has_passed() -> None:
    """7 units at 10 s, of which 50 s have passed."""
    left = time_left([pending("prune@a", 7.0, elapsed=50.0)], [Observed("train", 10.0, 1.0)], cores=1, gpus=0)
    assert left == pytest.approx(AROUND + 70 - 50)
