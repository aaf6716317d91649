"""docs/challenge.md shows the counts of the newest record, and says why each of the others has none."""

import json
import re

import pytest

from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/challenge.md").read_text()
RECORD = max((ROOT / "benchmarks/records").glob("*-challenge-networks.json"))
RESULTS = json.loads(RECORD.read_text())["results"]
YEARS = [year for year in RESULTS if year.isdigit()]


def rows_of(year: str) -> dict[str, list[str]]:
    """The cells of the year's two tables, by network."""
    (shown,) = re.findall(rf"<!-- networks {year} -->\n(.*?)<!-- /networks {year} -->", PAGE, re.S)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines() if line]
    return {line[0]: line[1:] for line in lines if line[0] not in {"network", "---"}}


@pytest.mark.parametrize("year", YEARS)
def test_every_network_of_a_year_is_there_with_its_counts_or_the_reason(year: str) -> None:
    shown = rows_of(year)
    recorded = RESULTS[year]
    assert list(shown) == [each["name"] for each in sorted(recorded, key=lambda each: each["counted"] is None)]
    for each in recorded:
        cells = shown[each["name"]]
        if counted := each["counted"]:
            printed = each["printed"]["flops_g"] if each["printed"] else None
            flops = f"{counted['flops'] / 1e9:.2f} G"
            assert cells[:2] == [f"{counted['parameters']:,}", flops]
            assert cells[2] == (f"{printed:.2f} G" if printed else "")
            assert cells[3] == f"{counted['flops_2023'] / 1e9:.2f} G"
            assert cells[4:] == [f"{counted['activations'] / 1e6:.2f} M", str(counted["convs"])]
        else:
            assert each["reason"].startswith(cells[0].removesuffix(" ..."))
    assert RECORD.name in PAGE


def test_what_is_printed_otherwise_than_it_is_counted_is_told() -> None:
    otherwise = [
        each["name"]
        for year in YEARS
        for each in RESULTS[year]
        if each["counted"]
        and each["printed"]
        and each["printed"]["flops_g"]
        and f"{each['printed']['flops_g']:.2f}" != f"{each['counted']['flops'] / 1e9:.2f}"
    ]
    section = PAGE[PAGE.index("## What a CPU could run") :]
    assert otherwise and all(f"**{name}**" in section for name in otherwise)


def test_how_many_were_counted_is_told() -> None:
    (told,) = re.findall(r"Of the (\d+) networks that the four loaders name, (\d+) were loaded and counted", PAGE)
    every = [each for year in YEARS for each in RESULTS[year]]
    assert [int(each) for each in told] == [len(every), sum(each["counted"] is not None for each in every)]
