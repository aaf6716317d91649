"""From what was measured to what a stage will take, by hand."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esr.common.duration import duration
from esr.common.yaml_file import read_yaml
from esr.planning.estimates import Estimate, estimate
from esr.planning.machine import Machine
from esr.planning.pace import Pace
from esr.planning.show import size
from esr.recipes.graph import Graph
from esr.recipes.read import check

ROOT = Path(__file__).resolve().parents[2]
RAW = {**read_yaml(ROOT / "params.yaml"), "scale": "paper"}
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
MACHINE = Machine(stage_cost=10.0, packing=1e-7, scoring=1e-6, cores=2, gpus=(), gpu_bytes=0)
PACE = Pace(
    seconds=0.1,
    fastest=0.09,
    slowest=0.2,
    start=20.0,
    timed=10,
    timed_batch=64,
    inference=1e-6,
    gpu_bytes=1e9,
)


def estimated(kind: str, key: str, pace: Pace = PACE, raw: dict[str, Any] = RAW) -> Estimate:
    return estimate(check(raw), Graph(raw, STAGES).find(kind, key), MACHINE, lambda stage: pace)


def test_a_training_is_its_iterations_and_what_is_beside_them() -> None:
    """10^6 iterations; a validation every 5,000 and one at the end, on 100 images of 2.8 megapixels, 1/16 of it LR."""
    made = estimated("train", "rfdn-1")
    beside = 10.0 + 20.0 + 201 * 100 * 2.8e6 / 16 * 1e-6
    assert made.seconds == pytest.approx(1e5 + beside)
    assert made.high == pytest.approx(2e5 + beside)
    assert made.low == pytest.approx(0.75 * made.seconds)  # the clock may be off by a quarter, whatever was measured
    assert not made.multiplied


def test_an_iteration_timed_on_fewer_patches_is_less_certain() -> None:
    made = estimated("train", "rfdn-1", replace(PACE, timed_batch=4, slowest=0.1, fastest=0.1))
    assert made.multiplied
    assert (made.low, made.high) == pytest.approx((0.6 * made.seconds, 1.4 * made.seconds))


def test_pruning_counts_every_round() -> None:
    made = estimated("prune", "slimrlfn-pruned")
    assert made.seconds > 20 * 20_000 * 0.1


def test_a_download_counts_bytes_that_rows_know_and_archives_that_they_do_not() -> None:
    made = estimated("download", "div2k")
    assert (made.download, made.unsaid) == (3_530_603_713, 1)
    assert made.disk == pytest.approx(2 * 3.53e9, rel=0.05)  # the archive and what it unpacks to
    assert (estimated("download", "lsdir").download, estimated("download", "lsdir").unsaid) == (0, 1)


def test_an_archive_with_hr_and_lr_in_it_is_downloaded_once() -> None:
    made = estimated("download", "flickr2k")
    assert (made.download, made.unsaid) == (0, 1)
    raw = copy.deepcopy(RAW)
    for archive, length in zip(raw["download"]["flickr2k"]["archives"], (20_000_000_000, None), strict=True):
        archive["bytes"] = length
    made = estimated("download", "flickr2k", raw=raw)
    assert (made.download, made.unsaid) == (2e10, 0)


def test_images_that_the_user_has_are_not_downloaded() -> None:
    raw = copy.deepcopy(RAW)
    raw["download"]["div2k"]["folder"] = "/images"
    made = estimated("download", "div2k", raw=raw)
    assert (made.download, made.disk, made.unsaid) == (0, 0, 0)


def test_a_released_file_is_downloaded_at_any_scale_and_one_that_is_here_is_not() -> None:
    row = {"entry": "rlfn", "network": "esr/networks/rlfn.py"}
    released = {
        "known": row | {"url": "https://x/rlfn.pth", "bytes": 1_294_011},
        "unknown": row | {"url": "https://x/rlfn.pth"},
        "here": row | {"checkpoint": "checkpoints/team00_rlfn.pth"},
    }
    raw = RAW | {"scale": "demo", "import": released}
    made = [estimated("import", key, raw=raw) for key in released]
    assert [(each.download, each.unsaid) for each in made] == [(1_294_011, 0), (0, 1), (0, 0)]
    assert {each.seconds for each in made} == {10.0}


def test_a_packed_set_holds_hr_and_lr_uncompressed() -> None:
    assert estimated("crop", "div2k").disk == pytest.approx(800 * 2.8e6 * 3 * 17 / 16)
    at_demo = {**RAW, "scale": "demo"}
    assert estimated("crop", "div2k", raw=at_demo).disk < 20e6
    assert estimated("download", "div2k", raw=at_demo).download == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.4, "8 s"),
        (200, "3 min 20 s"),
        (725, "12 min"),
        (6600, "1 h 50 min"),
        (100_000, "28 h"),
        (300_000, "3.5 days"),
        (30 * 86_400, "30 days"),
        (1.3e9, "41 years"),
        (1.3e8, "4.1 years"),
    ],
)
def test_times_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_as_people_say_them() -> None:
    assert [size(count) for count in (59e6, 3.53e9, 4.2e11)] == ["59 MB", "3.5 GB", "420 GB"]
