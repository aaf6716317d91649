"""The shipped rows are timed against RLFN, all of them, and against the baseline that their year's challenge had."""

from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")
GRAPH = Graph(PARAMS, read_yaml(ROOT / "dvc.yaml")["stages"])
# Of the organisers' repositories:
BASELINES = {2023: "esr/networks/rfdn.py", 2024: "esr/networks/rlfn.py", 2026: "esr/networks/span.py"}


@pytest.mark.parametrize("key", PARAMS["benchmark"])
def test_a_row_waits_for_the_baselines_that_it_is_timed_against(key: str) -> None:
    row = PARAMS["benchmark"][key]
    year = PARAMS["entries"][row["entry"]]["year"]
    assert (row["baseline"], row["year_baseline"]) == (BASELINES[2024], BASELINES[year])
    code = {f"runs/.code/{file}.json" for file in (BASELINES[2024], BASELINES[year])}
    assert code <= set(GRAPH.find("benchmark", key).deps)
