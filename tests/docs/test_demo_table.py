"""docs/tutorial.md's leaderboard is of the run that workflow/records keeps of the demo."""

import json
import re

import pytest

from tests.tiny_project import ROOT

STAGES = json.loads((ROOT / "workflow/records/demo.json").read_text())["stages"]


def test_every_row_has_the_recorded_psnr() -> None:
    page = (ROOT / "docs/tutorial.md").read_text()
    (shown,) = re.findall(r"<!-- demo table -->\n(.*?)<!-- /demo table -->", page, re.S)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()]
    figures = {name.split("@")[1]: each["figures"] for name, each in STAGES.items() if name.startswith("benchmark@")}
    told = "run python docs/tools/board_table.py after the demo"
    assert {row[1] for row in rows[2:]} == set(figures), told
    for _, entry, psnr, above, _ in rows[2:]:
        recorded, bicubic = (figures[entry][f"{what}_div2k-valid"] for what in ("psnr", "bicubic"))
        assert float(psnr) == pytest.approx(recorded, abs=6e-4), told
        assert float(above) == pytest.approx(recorded - bicubic, abs=6e-4), told
