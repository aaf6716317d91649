"""docs/test-sets.md shows the numbers of the newest record, and bicubic's are those that everybody prints."""

import json
import re
from pathlib import Path

import pytest

from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/test-sets.md").read_text()
RECORD = max((ROOT / "benchmarks/records").glob("*-released.json"))
SETS = ("Set5", "Set14", "BSD100", "Urban100")
PRINTED = {"Set5": (28.42, 0.8104), "Set14": (26.00, 0.7027), "BSD100": (25.96, 0.6675), "Urban100": (23.14, 0.6577)}


def results() -> dict[str, dict[str, dict[str, float]]]:
    """Scores by checkpoint and set."""
    found = json.loads(RECORD.read_text())["results"]
    return {name: row.get("sets", row) for name, row in found.items()}


@pytest.mark.parametrize(("mark", "psnr", "ssim"), [("luma", "psnr_y", "ssim_y"), ("rgb", "psnr_rgb", "ssim_rgb")])
def test_the_tables_are_the_record_s(mark: str, psnr: str, ssim: str) -> None:
    (table,) = re.findall(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", PAGE, re.S)
    shown = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    assert shown[0] == ["checkpoint", *SETS]
    assert {row[0]: row[1:] for row in shown[2:]} == {
        name: [f"{sets[each][psnr]:.2f} / {sets[each][ssim]:.4f}" for each in SETS] for name, sets in results().items()
    }
    assert Path(RECORD).name in PAGE


def test_bicubic_scores_what_everybody_prints_for_it() -> None:
    """Within what rounding luma or not makes of it: .012 dB and .001, as docs/quality.md shows."""
    for name, (psnr, ssim) in PRINTED.items():
        assert results()["bicubic"][name]["psnr_y"] == pytest.approx(psnr, abs=0.015)
        assert results()["bicubic"][name]["ssim_y"] == pytest.approx(ssim, abs=0.001)
