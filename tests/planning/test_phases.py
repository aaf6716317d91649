"""What a scale makes of the rows, by the rows alone."""

import copy
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.planning.phases import entry_stages, network_spec, training_stage
from esr.planning.sets import images_of, pixels_of
from esr.recipes.graph import Graph
from esr.recipes.read import check
from esr.recipes.step import NetworkSpec

ROOT = Path(__file__).resolve().parents[2]
RAW = read_yaml(ROOT / "params.yaml")
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
PARAMS = check(RAW)
DEMO, PILOT, PAPER = (PARAMS.scales[name] for name in ("demo", "pilot", "paper"))


def test_images_of_sets() -> None:
    assert images_of(PARAMS, "df2k-lsdir") == images_of(PARAMS, "df2k-lsdir", PAPER) == 800 + 2650 + 84_991
    assert images_of(PARAMS, "div2k-lsdir-10k", PAPER) == 800 + 10_000
    assert images_of(PARAMS, "df2k-lsdir", PILOT) == 800
    assert images_of(PARAMS, "df2k", DEMO) == 2 * 8  # each source gets the same photographs
    assert images_of(PARAMS, "div2k-valid", DEMO) == 2


def test_sets_that_one_can_do_without_count_when_they_are_there() -> None:
    assert images_of(PARAMS, "scored", PAPER) == 100 + (5 + 14 + 100 + 100)  # Manga109 is a folder that nobody named
    raw = copy.deepcopy(RAW)
    raw["download"]["div2k-lsdir-valid"]["folder"] = "/images"
    assert images_of(check(raw), "scored", PAPER) == 100 + 219 + 200
    assert images_of(check(raw), "scored", DEMO) == 2


def test_pixels_follow_from_the_rows() -> None:
    assert pixels_of(PARAMS, "df2k", PAPER) == pytest.approx((800 + 2650) * 2.8e6)
    assert pixels_of(PARAMS, "df2k", PILOT) == pytest.approx(800 * 2.8e6)


def test_networks_are_followed_back_to_where_they_were_built() -> None:
    assert network_spec(PARAMS, "train/edrn-1", PAPER) == NetworkSpec("esr/networks/edrn.py", {"reading": "as_drawn"})
    assert network_spec(PARAMS, "teacher/ifadnet-teacher", PAPER).arguments == {"channels": 128, "blocks": 16}
    assert network_spec(PARAMS, "teacher/ifadnet-teacher", DEMO).arguments == {"channels": 32, "blocks": 4}
    assert network_spec(PARAMS, "fuse/slimrlfn", DEMO) == NetworkSpec("esr/networks/slimrlfn.py", {}, deploy=True)


def test_an_import_stands_for_a_teacher() -> None:
    raw = copy.deepcopy(RAW)
    raw["import"]["safmn"] = {
        "entry": "ifadnet",
        "network": "esr/networks/safmn.py",
        "checkpoint": "checkpoints/safmn.pth",
    }
    raw["distill"]["ifadnet-distill"]["teacher"] = "import/safmn"
    params = check(raw)
    node = Graph(raw, STAGES).find("distill", "ifadnet-distill")
    stage = training_stage(params, node, DEMO)
    assert stage is not None
    assert stage.teacher == NetworkSpec("esr/networks/safmn.py", {}, deploy=True)  # not thinned: it is what it is


def test_pruning_repeats_its_round() -> None:
    node = Graph(RAW, STAGES).find("prune", "slimrlfn-pruned")
    for scale, rounds, iterations in ((DEMO, 2, 60), (PAPER, 20, 20_000)):
        stage = training_stage(PARAMS, node, scale)
        assert stage is not None
        assert (stage.rounds, stage.schedule.iterations, stage.network.deploy) == (rounds, iterations, True)


def test_an_entry_s_stages_come_in_order_and_an_unknown_entry_is_named() -> None:
    graph = Graph(RAW, STAGES)
    names = [node.name for node in entry_stages(graph, PARAMS, "ripfdn")]
    assert names == ["train@ripfdn-1", "finetune@ripfdn-2", "fuse@ripfdn", "benchmark@ripfdn"]
    with pytest.raises(EsrError, match=r"no entry rlfm; there are: .*rlfn"):
        entry_stages(graph, PARAMS, "rlfm")
