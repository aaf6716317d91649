"""docs/challenge.md's table of 2026 says what the organisers published, and where a fair reading differs."""

import json
import math
import re

import pytest

from tests.challenge.printed_tables import SCORES_2026
from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/challenge.md").read_text()
RECORD = max((ROOT / "benchmarks/records").glob("*-challenge-tables.json"))
TEAMS = {team["team"]: team for team in json.loads(RECORD.read_text())["results"]["2026"]["teams"]}


def rows() -> dict[str, list[str]]:
    """The table's cells after the first, by team."""
    (shown,) = re.findall(r"<!-- scores 2026 -->\n(.*?)<!-- /scores 2026 -->", PAGE, re.S)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()]
    return {line[0].removesuffix(" (baseline)"): line[1:] for line in lines[2:]}


def test_the_published_scores_are_shown() -> None:
    assert {team: cells[0] for team, cells in rows().items()} == SCORES_2026
    assert RECORD.name in PAGE


def test_the_best_is_read_with_the_flops_of_its_own_page() -> None:
    """9.11 G, where the organisers print 1.59; and with the median of its images' run times over SPAN's."""
    *_, ratio, fair, place = rows()["22_SPANV2_ESR_C2"]
    expected = 0.8 * math.exp(2 * float(ratio)) + 0.1 * math.exp(2 * 9.11 / 9.83) + 0.1 * math.exp(2 * 0.1391 / 0.1507)
    assert float(fair) == pytest.approx(expected, abs=5e-3)  # of three digits of the ratio
    assert place == "1"
    assert "With 9.11 G its score would be 4.373" in PAGE
    assert TEAMS["22_SPANV2_ESR_C2"]["own_flops_g"] == pytest.approx(9.11, abs=5e-3)
