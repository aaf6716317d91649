"""Stages side by side, by hand."""

from esr.planning.makespan import Job, makespan


def jobs(*rows: tuple[str, float, int, int, str]) -> dict[str, Job]:
    return {name: Job(name, seconds, threads, gpus, needs.split()) for name, seconds, threads, gpus, needs in rows}


def test_two_chains_on_two_cores() -> None:
    chains = jobs(("a1", 3, 1, 0, ""), ("b1", 1, 1, 0, ""), ("b2", 1, 1, 0, "b1"), ("a2", 2, 1, 0, "a1"))
    assert makespan(chains, cores=2, gpus=0) == 5  # a1 a1 a1 a2 a2 beside b1 b2
    assert makespan(chains, cores=1, gpus=0) == 7


def test_what_needs_the_whole_machine_waits_for_it() -> None:
    mixed = jobs(("train", 4, 1, 0, ""), ("benchmark", 2, 2, 0, ""), ("other", 1, 1, 0, ""))
    assert makespan(mixed, cores=2, gpus=0) == 6  # train with other beside it, then benchmark alone


def test_gpus_are_shared_out_and_a_machine_without_any_trains_all_the_same() -> None:
    trainings = jobs(("a", 5, 1, 1, ""), ("b", 5, 1, 1, ""), ("c", 5, 1, 1, ""))
    assert makespan(trainings, cores=16, gpus=2) == 10
    assert makespan(trainings, cores=3, gpus=0) == 5


def test_needs_outside_the_plan_are_met() -> None:
    assert makespan(jobs(("a", 2, 4, 0, "elsewhere")), cores=2, gpus=0) == 2
