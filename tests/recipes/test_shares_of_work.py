"""Lengths by a share of work: the rule by hand, what is refused, and that the stages depend on it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.recipes.kinds import ROLES
from esr.recipes.read import check
from esr.recipes.rows import FreshPhase, Prune, TrainingWork
from esr.recipes.scale import TrainingRule, shrink_phase, shrink_round
from esr.stages.premises import write_premises

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
PHASE = FreshPhase.model_validate({**PARAMS["train"]["rfdn-1"], "iterations": 1_000_000, "patch": 256, "batch": 64})
PRUNING = Prune.model_validate(
    {**PARAMS["prune"]["slimrlfn-pruned"], "iterations_per_round": 20_000, "most_rounds": 20, "patch": 256, "batch": 64}
)
WORK = TrainingWork(teacher=1.5e17, first=0.5e17, later=0.4e17, prune=0.6e17)
"""3e17 in all."""
SHARES = {"teacher": 1, "first": 6, "later": 2, "prune": 1}


def rule(length: dict[str, Any], **more: Any) -> TrainingRule:
    return TrainingRule.model_validate({"length": length, "validate_every": 10, **more})


@pytest.mark.parametrize("role", ["teacher", "first", "later"])
@pytest.mark.parametrize(
    ("more", "iterations"),
    [
        ({}, 10_000),  # a hundredth of the work, and of 1,000,000
        ({"batch": {"divide": 4}}, 40_000),
        ({"batch": {"divide": 4}, "patch": {"divide": 2}}, 160_000),
        ({"batch": {"divide": 4, "at_least": 32}}, 20_000),
    ],
)
def test_a_phase_keeps_its_part_of_the_work(role: Any, more: dict[str, Any], iterations: int) -> None:
    assert shrink_phase(PHASE, role, rule({"work": 3e15}, **more), 800, WORK).iterations == iterations


def test_it_is_never_longer_than_the_paper_s_and_never_nothing() -> None:
    assert shrink_phase(PHASE, "first", rule({"work": 9e17}), 800, WORK).iterations == 1_000_000
    quarter = rule({"work": 3e17}, batch={"divide": 4})
    assert shrink_phase(PHASE, "first", quarter, 800, WORK).iterations == 1_000_000
    assert shrink_phase(PHASE, "first", rule({"work": 1.0}), 800, WORK).iterations == 1


def test_a_length_that_is_given_for_a_role_stands() -> None:
    given = rule({"work": 3e15, "later": 60})
    assert [shrink_phase(PHASE, role, given, 800, WORK).iterations for role in ("first", "later")] == [10_000, 60]


def test_fewer_rounds_of_pruning_are_longer_ones() -> None:
    """20 rounds of 20,000 are 400,000; a hundredth is 4,000: in 20 rounds of 200 or in 5 of 800."""
    assert shrink_round(PRUNING, rule({"work": 3e15}), WORK).iterations == 200
    assert shrink_round(PRUNING, rule({"work": 3e15, "prune_rounds_at_most": 5}), WORK).iterations == 800
    assert shrink_round(PRUNING, rule({"work": 3e17, "prune_rounds_at_most": 5}), WORK).iterations == 20_000
    assert shrink_round(PRUNING, rule({"divide": 100, "prune_rounds_at_most": 5})).iterations == 200


@pytest.mark.parametrize(
    ("role", "iterations"),
    [
        ("teacher", 2000),  # 1,000,000 x (3e15 x 1 / 10) / 1.5e17
        ("first", 36_000),  # 1,000,000 x (3e15 x 6 / 10) / 0.5e17
        ("later", 15_000),  # 1,000,000 x (3e15 x 2 / 10) / 0.4e17
    ],
)
def test_work_is_divided_by_role(role: Any, iterations: int) -> None:
    by = rule({"work": 3e15, "shares": SHARES})
    assert shrink_phase(PHASE, role, by, 800, WORK).iterations == iterations
    smaller = rule({"work": 3e15, "shares": SHARES}, batch={"divide": 4})
    assert shrink_phase(PHASE, role, smaller, 800, WORK).iterations == 4 * iterations


def test_pruning_s_share_is_that_of_all_rounds_that_may_run() -> None:
    """3e15 x 1 / 10 of 0.6e17 is 1 / 200: of 20 rounds of 20,000 that is 2,000 iterations."""
    by = {"work": 3e15, "shares": SHARES}
    assert shrink_round(PRUNING, rule(by), WORK).iterations == 100
    assert shrink_round(PRUNING, rule({**by, "prune_rounds_at_most": 5}), WORK).iterations == 400


@pytest.mark.parametrize(
    ("work", "role", "iterations"),
    [
        ({"first": 3e17}, "first", 10_000),  # all of it: 3e15 / 3e17
        ({"first": 1e17, "later": 2e17}, "first", 22_500),  # 6 / 8 of 3e15, of 1e17
        ({"first": 1e17, "later": 2e17}, "later", 3750),  # 2 / 8 of 3e15, of 2e17
        ({"first": 1e17, "later": 1e17, "prune": 1e17}, "first", 20_000),  # 6 / 9 of 3e15, of 1e17
    ],
)
def test_the_part_of_a_role_that_an_entry_lacks_goes_to_the_others(
    work: dict[str, float], role: Any, iterations: int
) -> None:
    by = rule({"work": 3e15, "shares": SHARES})
    assert shrink_phase(PHASE, role, by, 800, TrainingWork(**work)).iterations == iterations


def test_the_phases_of_a_role_keep_their_proportions() -> None:
    """0.6e15 of 0.4e17 are 15 thousandths, of a phase that is a third as long as well."""
    by, short = rule({"work": 3e15, "shares": SHARES}), PHASE.model_copy(update={"iterations": 300_000})
    assert shrink_phase(short, "later", by, 800, WORK).iterations == 4500


def test_only_the_proportions_of_shares_count() -> None:
    tenfold = rule({"work": 3e15, "shares": {role: share / 10 for role, share in SHARES.items()}})
    assert shrink_phase(PHASE, "first", tenfold, 800, WORK).iterations == 36_000


def test_a_share_too_is_never_longer_than_the_paper_s_never_nothing_and_gives_way_to_a_number() -> None:
    assert shrink_phase(PHASE, "first", rule({"work": 9e16, "shares": SHARES}), 800, WORK).iterations == 1_000_000
    assert shrink_phase(PHASE, "first", rule({"work": 1.0, "shares": SHARES}), 800, WORK).iterations == 1
    given = rule({"work": 3e15, "shares": SHARES, "later": 60, "prune_round": 7})
    assert shrink_phase(PHASE, "later", given, 800, WORK).iterations == 60
    assert shrink_phase(PHASE, "first", given, 800, WORK).iterations == 36_000
    assert shrink_round(PRUNING, given, WORK).iterations == 7


def test_a_phase_of_a_lighter_step_is_so_much_longer() -> None:
    by = rule({"work": 3e15, "shares": SHARES})
    assert shrink_phase(PHASE, "teacher", by, 800, WORK, lighter=12.5).iterations == 25_000
    assert shrink_phase(PHASE, "teacher", by, 800, WORK, lighter=1e6).iterations == 1_000_000


def test_lengths_at_pilot() -> None:
    """By hand: the row's length x 1e16 / the entry's work, x 4 where 64 patches become 16 and x 2 where 32 do."""
    params = check(PARAMS)
    pilot = params.scales["pilot"].training
    lengths = {
        key: shrink_phase(row, ROLES[kind], pilot, 800, params.entries[row.entry].training_work).iterations
        for kind in ("train", "distill", "finetune")
        for key, row in params.table(kind).items()
    }
    assert lengths["r2net-1"] == lengths["r2net-2"] == 36_480  # 2e6 x 1e16 / (0.313e18 + 1.88e18) x 4
    assert lengths["r2net-3"] == 18_240  # a batch of 32
    assert lengths["rfdn-1"] == 123_457  # 1e6 x 1e16 / 3.24e17 x 4
    assert lengths["edrn-1"] == 14_870  # 300 epochs of 1,000 iterations x 1e16 / 8.07e17 x 4
    # 100 x 88,441 / 64 x 1e16 / (0.753e18 + 0.271e18 + 0.535e18 + 0.359e18) x 4
    assert lengths["slimrlfn-distill"] == lengths["slimrlfn-640"] == 2882


def changed(**changes: Any) -> dict[str, Any]:
    """params.yaml at pilot, with changes to entries.rfdn and to pilot's lengths."""
    params = copy.deepcopy(PARAMS)
    params["scale"] = "pilot"
    params["scales"]["pilot"]["training"]["length"].update(changes.pop("length", {}))
    params["entries"]["rfdn"].update(changes)
    return params


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (changed(length={"divide": 10}), "scales.pilot.training.length: work and divide both say"),
        (changed(length={"work": 0}), "scales.pilot.training.length.work: Input should be greater than 0, not 0"),
        (changed(length={"work": "1e16 "}), "scales.pilot.training.length.work: Input should be a valid number"),
        (
            changed(length={"shares": {**SHARES, "first": 0}}),
            "length.shares.first: Input should be greater than 0, not 0",
        ),
        (
            changed(length={"shares": {**SHARES, "last": 1}}),
            "shares.last: unknown key; accepted are: teacher, first, later",
        ),
        (changed(length={"shares": {"first": 1, "later": 1, "prune": 1}}), "length.shares.teacher: is missing"),
        (
            changed(length={"work": None, "shares": SHARES}),
            "scales.pilot.training.length: shares divide the work of an entry; give work, too",
        ),
        (
            changed(training_work={"first": -1.0}),
            "entries.rfdn.training_work.first: Input should be greater than 0, not -1.0",
        ),
        (
            changed(training_work={"only": 1e17}),
            "entries.rfdn.training_work.only: unknown key; accepted are: teacher, first, later, prune",
        ),
        (changed(training_work=3.24e17), "entries.rfdn.training_work: here belong keys and their values, not 3.24e+17"),
        (
            changed(training_work=None),
            "entries.rfdn.training_work: scale pilot shares out work, so it needs the work of first, and has that of "
            "nothing; `python -m esr recipe rfdn --scale paper` tells what to write",
        ),
    ],
)
def test_what_is_refused(params: dict[str, Any], told: str) -> None:
    with pytest.raises(EsrError) as refused:
        check(params)
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_an_entry_that_trains_writes_its_work_or_null() -> None:
    params = copy.deepcopy(PARAMS)
    params["entries"]["rfdn"]["training_work"] = None
    check(params)  # at demo nothing is shared out
    del params["entries"]["rfdn"]["training_work"]
    with pytest.raises(EsrError, match=r"entries\.rfdn\.training_work: is missing; write null, or the numbers that"):
        check(params)


def test_the_command_of_the_refusal_tells_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused at pilot itself; at paper it says what to write, and with that pilot is accepted."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    Path("params.yaml").write_text(json.dumps(changed(training_work=None)))
    refused = CliRunner().invoke(app, ["recipe", "rfdn"]).exception
    assert isinstance(refused, EsrError)
    told = CliRunner().invoke(app, ["recipe", "rfdn", "--scale", "paper"])
    assert told.exit_code == 0
    assert "entries.rfdn.training_work in params.yaml is null: write {first: 3.24e+17}" in told.output
    Path("params.yaml").write_text(json.dumps(changed(training_work={"first": 3.24e17})))
    done = CliRunner().invoke(app, ["recipe", "rfdn"])
    assert done.exit_code == 0
    assert "123,457 it" in done.output
    assert "write" not in done.output


STAGES_THAT_TRAIN = {
    "teacher@ifadnet-teacher": "ifadnet",
    "distill@ifadnet-distill": "ifadnet",
    "prune@slimrlfn-pruned": "slimrlfn",
    "train@r2net-1": "r2net",
    "finetune@r2net-2": "r2net",
}
"""With their entries."""


def test_what_trains_depends_on_its_entry_s_work_where_it_is_shared_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another number is seen at pilot by the entry's own stages; at demo and paper nobody sees it."""
    monkeypatch.chdir(tmp_path)
    Path("esr").symlink_to(ROOT / "esr")

    def seen(scale: str, changed: str | None) -> dict[str, list[bytes]]:
        """What the stages' files of this project's own making say, when the work of one entry is another number."""
        params = copy.deepcopy({**PARAMS, "scale": scale})
        if changed:
            params["entries"][changed]["training_work"] = {**PARAMS["entries"][changed]["training_work"], "first": 1e18}
        graph = Graph(params, STAGES)
        write_premises(graph)
        return {
            stage: [Path(dep).read_bytes() for dep in graph.nodes[stage].deps if dep.startswith("runs/.work/")]
            for stage in STAGES_THAT_TRAIN
        }

    for scale in ("demo", "pilot", "paper"):
        before = seen(scale, None)
        assert all(before.values())
        for name in ("ifadnet", "slimrlfn", "r2net", "edrn"):
            after = seen(scale, name)
            for stage, entry in STAGES_THAT_TRAIN.items():
                assert (after[stage] != before[stage]) == (scale == "pilot" and name == entry)
