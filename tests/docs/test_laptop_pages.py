"""docs/laptop.md and README.md show what the newest records of the two laptop scales hold."""

import json
import re
from typing import Any

import pytest

from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/laptop.md").read_text()
README = (ROOT / "README.md").read_text()
SETS = ("set5", "set14", "bsd100", "urban100")
FSRCNN = (30.71, 27.59, 26.98, 24.62)
VDSR = (31.35, 28.01, 27.29, 25.18)


def results(scale: str) -> dict[str, Any]:
    """What the newest record of a scale holds, by row."""
    found = max((ROOT / "benchmarks/records").glob(f"*-{scale}-entries.json"))
    rows: dict[str, Any] = json.loads(found.read_text())["results"]
    return rows


def table(page: str, mark: str) -> dict[str, list[str]]:
    """The cells of a block's table, by the first."""
    (shown,) = re.findall(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", page, re.S)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if "|" in line]
    return {line[0]: line[1:] for line in lines[2:]}


def luma(found: dict[str, Any]) -> list[float]:
    """The recorded PSNR on the four sets."""
    return [found["dB"][name]["psnr_y"] for name in SETS]


@pytest.mark.parametrize("scale", ["laptop", "laptop-short"])
def test_the_scale_s_table_is_the_record_s(scale: str) -> None:
    shown, recorded = table(PAGE, scale), results(scale)
    assert set(shown) == {*recorded, "bicubic", "FSRCNN, as printed", "VDSR, as printed"}
    for row, found in recorded.items():
        *psnr, _, minutes = shown[row]
        assert [float(each) for each in psnr] == pytest.approx(luma(found), abs=0.0051)
        assert float(minutes) == pytest.approx(found["minutes"], abs=0.51)
    assert [float(each) for each in shown["FSRCNN, as printed"][:4]] == list(FSRCNN)
    assert [float(each) for each in shown["VDSR, as printed"][:4]] == list(VDSR)


def test_iterations_are_those_that_the_scale_s_rule_gives() -> None:
    (said,) = re.findall(r"for SlimRLFN ([\d,]+) iterations in its first\s+phase and ([\d,]+) in the nine", PAGE)
    first, others = (int(each.replace(",", "")) for each in said)
    assert table(PAGE, "laptop")["slimrlfn"][4] == f"{first + others:,}"


def test_how_far_an_hour_ends_from_what_is_printed() -> None:
    for name, printed in {"FSRCNN": FSRCNN, "VDSR": VDSR}.items():
        (said,) = re.findall(rf"SlimRLFN less {name}: (\S+) to (\S+) dB", PAGE)
        apart = [ours - theirs for ours, theirs in zip(luma(results("laptop")["slimrlfn"]), printed, strict=True)]
        assert [float(each) for each in said] == pytest.approx([min(apart), max(apart)], abs=0.0051)


def test_readme_shows_the_same_run() -> None:
    shown, recorded = table(README, "laptop-short table"), results("laptop-short")
    assert set(shown) == set(recorded)
    for row, found in recorded.items():
        *psnr, ratio = shown[row]
        assert [float(each) for each in psnr] == pytest.approx(luma(found), abs=0.0051)
        interval = [float(each) for each in re.findall(r"\d+\.\d+", ratio)]
        assert interval == pytest.approx(found["time / RLFN's"], abs=0.0051)
    below = [row for row, found in recorded.items() if luma(found)[0] < found["dB"]["set5"]["bicubic_y"]]
    said = re.findall(r"Below bicubic: (.+?) \(", README)
    assert sorted(below) == sorted(said[0].split(", ") if said else [])
    (hour,) = re.findall(r"SlimRLFN reaches ([\d.]+) on Set5; FSRCNN's printed figure is 30.71", README)
    assert float(hour) == pytest.approx(luma(results("laptop")["slimrlfn"])[0], abs=0.0051)
