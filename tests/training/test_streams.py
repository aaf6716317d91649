"""Each phase of an entry sees the images in an order of its own, with corners and flips of its own."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from esr.compression import prune
from esr.packed.store import open_set
from esr.planning.phases import network_spec
from esr.recipes.graph import Graph, Node
from esr.recipes.kinds import ROLES
from esr.recipes.read import Params, check
from esr.recipes.rows import Prune
from esr.recipes.scale import Schedule, Shrunk, ShrunkPatch, TrainingRule
from esr.training import stage as training
from esr.training.generators import seed_of_stage, seed_of_step
from esr.training.plan import Plan
from esr.training.ranks import Ranks
from esr.training.stage import batches_of, start_engine
from tests.laid_project import GRAPH, RAW, lay_sets, lay_weights
from tests.packed_sets import coded_set
from tests.training.small_training import Quiet

KINDS = ("teacher", "distill", "train", "finetune", "prune")
IMAGES, SIDE, PATCH, BATCH = 6, 128, 64, 8


class Drawn(NamedTuple):
    """What samples are, one after the other."""

    images: list[int]
    corners: list[tuple[int, int]]
    flips: list[tuple[bool, bool, bool]]


class _Begun(Exception):
    """Ends a stage where it would begin to train."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a packed set of coded images."""
    return coded_set(tmp_path_factory.mktemp("coded"), [(SIDE, SIDE)] * IMAGES).manifest.parent


@pytest.fixture
def project(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """A folder in which every set is the coded one, and the shipped rows, with patches and batches of one size."""
    monkeypatch.chdir(tmp_path)
    return lay_sets(check(RAW), packed)


def rule_of(params: Params) -> TrainingRule:
    """The demo's rule with patches of 64 and batches of 8 whatever the row says, so that corners can be compared."""
    same = {"patch": ShrunkPatch(divide=1e9, at_least=PATCH), "batch": Shrunk(divide=1e9, at_least=BATCH)}
    return params.rule.training.model_copy(update=same)


def begun(
    params: Params, node: Node, monkeypatch: pytest.MonkeyPatch, watch: Quiet | None = None, **columns: object
) -> Plan:
    """The plan with which the stage, of a row with these columns, begins to train from random weights."""

    def caught(network: object, plan: Plan, *rest: object) -> None:
        raise _Begun(plan)

    row, rule = params.row(node.kind, node.key).model_copy(update=columns), rule_of(params)
    for reference in (getattr(row, "from_", None), getattr(row, "teacher", None)):
        if reference is not None:
            network = network_spec(params, reference, params.rule)
            lay_weights(node, reference, network.file, network.arguments, network.deploy)
    monkeypatch.setattr(training, "train", caught)
    monkeypatch.setattr(prune, "train", caught)
    with pytest.raises(_Begun) as stopped:
        if isinstance(row, Prune):
            prune.prune(row, rule, params.engine, node, Path("checkpoints"), watch or Quiet())
        else:
            task = training.Task(row, ROLES[node.kind], rule, params.engine, node, Path("checkpoints"))
            training.run_phase(task, watch or Quiet())
    return stopped.value.plan


def drawn(batches: Any) -> Drawn:
    """What the samples of coded batches are: which image, from where, how flipped and turned."""
    found = Drawn([], [], [])
    for lr, _ in batches:
        for pixels in (lr * 255).round().permute(0, 2, 3, 1).numpy().astype(int):
            columns, rows = pixels[..., 0], pixels[..., 1]
            found.images.append(int(pixels[0, 0, 2]))
            found.corners.append((int(rows.min()), int(columns.min())))
            turned = columns[0, 0] == columns[0, 1]
            found.flips.append((bool(turned), columns[0, 0] > columns[-1, -1], rows[0, 0] > rows[-1, -1]))
    return found


def phases(entry: str) -> Iterator[Node]:
    for node in GRAPH.nodes.values():
        if node.kind in KINDS and GRAPH.params[node.kind][node.key]["entry"] == entry:
            yield node


@pytest.mark.parametrize("entry", list(RAW["entries"]))
def test_no_two_phases_of_an_entry_draw_alike(entry: str, project: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four samples of each, and the generators of a hundred steps, by what the stages themselves begin with."""
    plans = {node.name: begun(project, node, monkeypatch) for node in phases(entry)}
    samples = {name: drawn(plan.data.batches(0, 8)) for name, plan in plans.items()}
    steps = {name: {seed_of_step(plan.seed, step) for step in range(100)} for name, plan in plans.items()}
    assert plans
    for one, other in combinations(plans, 2):
        for what in Drawn._fields:
            assert getattr(samples[one], what) != getattr(samples[other], what), (one, other, what)
        assert steps[one].isdisjoint(steps[other]), (one, other)


def test_a_stage_draws_the_same_again_from_any_iteration_and_on_any_number_of_ranks(
    project: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = GRAPH.find("finetune", "rlfn-2")
    whole = list(begun(project, node, monkeypatch).data.batches(0, 6))
    again = list(begun(project, node, monkeypatch).data.batches(2, 6))
    assert all(torch.equal(hr, other) for (_, hr), (_, other) in zip(whole[2:], again, strict=True))

    row, images, engine = project.finetune["rlfn-2"], open_set(node.set("df2k")), start_engine(project.engine)
    schedule = Schedule(
        iterations=6,
        warmup=0,
        patch=PATCH,
        batch=BATCH,
        learning_rate=1,
        milestones=[],
        rates=[],
        losses=[(0, "l1")],
        validate_every=1,
    )
    shares = [batches_of(row, node, schedule, images, engine, Quiet(), Ranks(rank, 4))(0, 6) for rank in range(4)]
    for (_, hr), *parts in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat([part for _, part in parts]), hr)


def test_first_weights_are_of_the_row_s_seed_alone(project: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows of one network, whatever they are called, start from the same weights."""
    row, rule = project.train["rlfn-1"], project.rule.training
    renamed = Node("train", "other", "demo", "", GRAPH.find("train", "rlfn-1").deps, (), {})
    networks = [training.first_network(row, rule, node)[0] for node in (GRAPH.find("train", "rlfn-1"), renamed)]
    one, other = (network.state_dict() for network in networks)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("kind", "key"), [("train", "rlfn-1"), ("prune", "slimrlfn-pruned")])
def test_another_seed_of_a_row_changes_all_that_is_drawn(
    kind: str, key: str, project: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples, and what a network draws in its steps."""
    node = GRAPH.find(kind, key)
    one, other = (begun(project, node, monkeypatch, seed=seed) for seed in (3, 4))
    for what in Drawn._fields:
        assert getattr(drawn(one.data.batches(0, 8)), what) != getattr(drawn(other.data.batches(0, 8)), what), what
    assert one.seed != other.seed


def test_another_seed_of_a_row_gives_other_first_weights(project: Params) -> None:
    node = GRAPH.find("train", "rlfn-1")
    row, rule = project.train["rlfn-1"], project.rule.training
    rows = [row.model_copy(update={"seed": seed}) for seed in (3, 4)]
    first, second = (training.first_network(row, rule, node)[0].state_dict() for row in rows)
    assert not any(torch.equal(first[name], second[name]) for name in first if first[name].unique().numel() > 1)


@pytest.mark.parametrize(
    ("kind", "key", "fresh"),
    [
        ("teacher", "slimrlfn-teacher", True),
        ("distill", "slimrlfn-distill", True),
        ("train", "rlfn-1", True),
        ("finetune", "rlfn-2", False),
    ],
)
def test_what_begins_with_random_weights_warms_up_at_a_raised_rate(
    kind: str, key: str, fresh: bool, project: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At demo: 2e-3, reached in 50 iterations, and 800 or 700 of them; what goes on: its own rate and 60."""
    node = GRAPH.find(kind, key)
    plan = begun(project, node, monkeypatch)
    own = GRAPH.params[kind][key]["learning_rate"]
    if fresh:
        assert [plan.rate(0), plan.rate(49)] == pytest.approx([2e-3 / 50, 2e-3])
        assert plan.iterations == {"teacher": 700}.get(kind, 800)
    else:
        assert plan.rate(0) == pytest.approx(own)
        assert plan.iterations == 60


def test_what_a_stage_draws_by_stays_the_same_from_version_to_version() -> None:
    """The first 8 bytes that `printf '0 finetune/slimrlfn-640' | sha256sum` gives."""
    assert seed_of_stage(0, "finetune", "slimrlfn-640") == 0x5AA3B6C6F123DA98
    assert seed_of_stage(1, "finetune", "slimrlfn-640") != seed_of_stage(0, "finetune", "slimrlfn-640")


@pytest.mark.parametrize(("kind", "key"), [("train", "rlfn-1"), ("prune", "slimrlfn-pruned")])
def test_a_phase_says_once_how_many_images_its_patch_does_not_fit_into(
    kind: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = coded_set(tmp_path / "made", [(64, 64), (60, 128), (128, 128), (128, 60), (64, 80)])
    params, watch = lay_sets(check(RAW), images.manifest.parent), Quiet()
    plan = begun(params, GRAPH.find(kind, key), monkeypatch, watch)
    assert set(drawn(plan.data.batches(0, 6)).images) == {0, 2, 4}
    told = [line for line in watch.said if "leaves out" in line]
    assert len(told) == 1 and told[0].startswith("leaves out 2 of 5 images of df2k")


def test_an_epoch_of_a_row_counts_the_images_that_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 epochs of the set's 5 images in batches of 8 are 20 iterations, though a patch fits into 3 of them only."""
    monkeypatch.chdir(tmp_path)
    images = coded_set(tmp_path / "made", [(64, 64), (60, 128), (128, 128), (128, 60), (64, 80)])
    params = lay_sets(check({**RAW, "scale": "paper"}), images.manifest.parent)
    columns: dict[str, Any] = {
        "epochs": 32,
        "images_per_epoch": None,
        "iterations": None,
        "milestones": [],
        "schedule": "constant",
    }
    graph = Graph({**RAW, "scale": "paper"}, GRAPH.templates)
    Path("data/demo").rename("data/paper")
    node = graph.find("train", "rlfn-1")
    plan = begun(params, node, monkeypatch, batch=8, **columns)
    assert plan.iterations == 20


def test_a_helper_on_another_gpu_leaves_that_to_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    params = lay_sets(check(RAW), coded_set(tmp_path / "made", [(64, 64), (32, 64)]).manifest.parent)
    node = GRAPH.find("teacher", "slimrlfn-teacher")
    row = params.row(node.kind, node.key)
    task = training.Task(row, ROLES[node.kind], rule_of(params), params.engine, node, Path("checkpoints"))
    capfd.readouterr()
    plans = list[Plan]()
    monkeypatch.setattr(training, "train", lambda network, plan, *rest: plans.append(plan))
    training.help_phase(task, Ranks(1, 2))
    assert set(drawn(plans[0].data.batches(0, 2)).images) == {0}
    assert capfd.readouterr() == ("", "")
