"""docs/measuring-time.md's figures follow from the passes and processes that the newest records keep."""

import json
import re
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import pytest

from tests.tiny_project import ROOT

PAGE = " ".join((ROOT / "docs/measuring-time.md").read_text().split())
RECORDS = ROOT / "benchmarks/records"


def results(benchmark: str) -> Any:
    """What the newest record of a benchmark holds."""
    return json.loads(max(RECORDS.glob(f"*-{benchmark}.json")).read_text())["results"]


def width(ratios: list[float]) -> float:
    """The middle 95 % of them in percent of their median."""
    low, high = np.quantile(ratios, (0.025, 0.975))
    return 100 * float(high - low) / median(ratios)


def test_how_narrow_the_ratios_lie() -> None:
    repeats = results("run-time-cpu")["repeats"]
    theirs = [mean(each["official"]["slimrlfn"]) / mean(each["official"]["rlfn"]) for each in repeats]
    ours = [
        median(sum(own) / sum(beside) for own, beside in zip(each["esr"]["slimrlfn"], each["esr"]["rlfn"], strict=True))
        for each in repeats
    ]
    (said,) = re.findall(
        r"esr's ratios are (\d+) % of their median wide, those of the challenge's way (\d+) %: \*\*([\d.]+) times", PAGE
    )
    expected = (width(ours), width(theirs), width(theirs) / width(ours))
    assert [float(each) for each in said] == [pytest.approx(each, abs=0.6) for each in expected[:2]] + [
        pytest.approx(expected[2], abs=0.06)
    ]
    (said,) = re.findall(r"(\d+) times of (\d+) the challenge's way put RLFN ahead", PAGE)
    assert [int(each) for each in said] == [sum(ratio > 1 for ratio in theirs), len(repeats)]
    (said,) = re.findall(r"sessions' ratios lie between ([\d.]+) and ([\d.]+)\.", PAGE)
    assert [float(each) for each in said] == pytest.approx([min(ours), max(ours)], abs=0.006)


def test_what_processes_in_turn_differ_by() -> None:
    turns = results("sessions-in-turn")["ratios by turn"]
    processes = list(zip(*turns, strict=True))
    medians = [median(each) for each in processes]
    (said,) = re.findall(
        r"Of (\d+) processes .* took (\d+) turns .* between ([\d.]+) and ([\d.]+), .* by ([\d.]+) from", PAGE
    )
    expected = [len(processes), len(turns), min(medians), max(medians), median(map(stdev, processes))]
    assert [float(each) for each in said] == pytest.approx(expected, abs=6e-4)


def test_what_freed_memory_costs() -> None:
    rows = dict(re.findall(r"\| (\d+x\d+: [^|]+?) \| ([^|]+ \| [^|]+?) \|", PAGE))
    found = results("freed-memory")
    assert len(rows) == 3 * len(found)
    for size, kinds in found.items():
        for column, kind in enumerate(("given back", "kept")):
            processes = kinds[kind]["processes"]
            told = [float(each) for each in rows[f"{size}: SlimRLFN / RLFN"].split(" | ")[column].split(" to ")]
            ratios = [each["ms"]["slimrlfn"] / each["ms"]["rlfn"] for each in processes]
            assert told == pytest.approx([min(ratios), max(ratios)], abs=6e-4)
            for key, name in {"slimrlfn": "SlimRLFN", "rlfn": "RLFN"}.items():
                cell = rows[f"{size}: pages that a pass fetched, {name}"].split(" | ")[column]
                told = [float(each.replace(",", "")) for each in cell.split(" to ")]
                pages = [each["pages"][key] for each in processes]
                assert (told[0], told[-1]) == pytest.approx((min(pages), max(pages)), abs=0.5)
