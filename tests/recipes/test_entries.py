"""How an entry's phases follow one another, what it waits for, and what was published about it."""

from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.recipes.read import check
from tests.recipes.factsheets import PRINTED

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")
CHECKED = check(PARAMS)
GRAPH = Graph(PARAMS, read_yaml(ROOT / "dvc.yaml")["stages"])

# The phases of every entry, in the order in which they run.
PHASES = {
    **{entry: list(phases) for entry, phases in PRINTED.items()},
    "rlfn": ["train/rlfn-1", "finetune/rlfn-2", "finetune/rlfn-3"],
    "rfdn": ["train/rfdn-1"],
    "span": ["train/span-1", "finetune/span-2"],
    "spanv2": ["train/spanv2-1", "finetune/spanv2-2"],
}

SOURCES = {
    "r2net": {"div2k"},
    "slimrlfn": {"div2k", "flickr2k", "lsdir"},
    "ifadnet": {"div2k", "flickr2k", "lsdir"},  # Flickr2K for its teacher
    "ripfdn": {"div2k", "flickr2k"},
    "edrn": {"div2k", "flickr2k"},
    "rlfn": {"div2k", "flickr2k"},
    "rfdn": {"div2k"},
    "span": {"div2k", "flickr2k"},
    "spanv2": {"div2k", "flickr2k"},
}


@pytest.mark.parametrize("entry", PHASES)
def test_phases_follow_one_another_up_to_the_benchmark(entry: str) -> None:
    """From the benchmark's row back through every ``from:``, all of the entry's phases are met, the first one last."""
    met, reference = [], PARAMS["benchmark"][entry]["from"]
    while reference:
        kind, key = reference.split("/")
        row = PARAMS[kind][key]
        met.append(reference)
        reference = row.get("from") or row.get("teacher")
    assert met[0] == f"fuse/{entry}"
    assert list(reversed(met[1:])) == PHASES[entry]


@pytest.mark.parametrize("entry", PHASES)
def test_an_entry_waits_for_its_own_sources_alone(entry: str) -> None:
    wanted, pending = set(), [GRAPH.find("benchmark", entry)]
    while pending:
        node = pending.pop()
        wanted.add(node.name)
        pending += GRAPH.upstream(node)
    training = {key for key, row in PARAMS["download"].items() if row["use"] == "training"}
    assert {name.removeprefix("download@") for name in wanted} & training == SOURCES[entry]


def test_a_teacher_s_file_and_the_first_10_000_images() -> None:
    assert PARAMS["teacher"]["ifadnet-teacher"]["network"] == PARAMS["distill"]["ifadnet-distill"]["teacher_network"]
    assert PARAMS["crop"]["lsdir-10k"] == {"source": "lsdir", "first": 10_000}


def test_published_numbers_are_those_in_print() -> None:
    published = {key: entry.published.model_dump(exclude_none=True) for key, entry in CHECKED.entries.items()}
    assert published["ripfdn"] == {}
    assert published["slimrlfn"] == {"psnr_valid": 26.914, "psnr_test": 27.026}
    assert published["r2net"]["runtime_on"] == "RTX 3090, 300x400 input"
    assert (published["edrn"]["psnr_valid"], published["rfdn"]["psnr_valid"]) == (28.98, 29.04)
    assert (published["ifadnet"]["flops_g"], published["ifadnet"]["memory_mb"]) == (9.78, 508.4)
    assert published["rlfn"]["memory_mb"] == 774.28
    assert (published["span"]["psnr_valid"], published["span"]["psnr_test"]) == (26.94, 27.01)
    assert (published["ifadnet"]["psnr_valid"], published["ifadnet"]["psnr_valid_also"]) == (26.90, 26.96)


def test_ratios_of_published_times_by_hand() -> None:
    """4.223 / 8.004, 13.36 / 13.56 and 5.24 / 7.74 with their parts, 59.31 / 24.27; no baseline against itself."""
    ratios = {key: list(entry.published.ratios.values()) for key, entry in CHECKED.entries.items()}
    assert ratios.pop("ifadnet") == pytest.approx([0.98525, 0.98831, 0.98140], abs=5e-6)
    assert ratios.pop("spanv2") == pytest.approx([0.67700, 0.71125, 0.64257], abs=5e-6)
    assert (ratios["r2net"].pop(0), ratios["edrn"].pop(0)) == pytest.approx((0.52761, 2.44376), abs=5e-6)
    assert all(ratio is None for of_entry in ratios.values() for ratio in of_entry)
    named = {key: entry.published.baseline for key, entry in CHECKED.entries.items() if entry.published.baseline}
    assert named == {"r2net": "RLFN", "ifadnet": "RLFN", "edrn": "RFDN", "spanv2": "SPAN"}


@pytest.mark.parametrize("entry", PHASES)
def test_the_year_s_thresholds(entry: str) -> None:
    asked = {2023: {"div2k-valid": 29.00}, 2024: {"div2k-lsdir-valid": 26.90, "div2k-lsdir-test": 26.99}}
    asked[2026] = asked[2024]
    assert CHECKED.entries[entry].thresholds == asked[CHECKED.entries[entry].year]
    assert bool(CHECKED.entries[entry].thresholds_assumed) == (CHECKED.entries[entry].year == 2023)  # none is in print
