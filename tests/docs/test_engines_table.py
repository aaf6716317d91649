"""docs/quality.md shows how the newest record holds `esr upscale` against other engines."""

import json
import re

import pytest

from tests.tiny_project import ROOT

PAGE = (ROOT / "docs/quality.md").read_text()
RECORD = max((ROOT / "benchmarks/records").glob("*-upscale-engines-cpu.json"))
RESULTS = json.loads(RECORD.read_text())["results"]
ENGINES = {"onnxruntime": "onnxruntime", "OpenVINO": "openvino", "ncnn": "ncnn"}
NETWORKS = {"SlimRLFN": "team21_slimrlfn", "RLFN": "team00_rlfn"}


def cells(line: str) -> list[str]:
    """Those of a row of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_engine_has_its_ratio_and_its_interval() -> None:
    (shown,) = re.findall(r"<!-- engines -->\n(.*?)<!-- /engines -->", PAGE, re.S)
    head, _, *rows = [cells(line) for line in shown.splitlines() if line.startswith("|")]
    networks = [NETWORKS[cell.partition(",")[0]] for cell in head[1:]]
    told = {row[0]: row[1:] for row in rows}
    assert networks == [name for name in RESULTS if name in NETWORKS.values()]
    assert networks and set(ENGINES) <= set(told)
    for engine, key in ENGINES.items():
        for network, cell in zip(networks, told[engine], strict=True):
            recorded = RESULTS[network][key]["esr_is_times_as_fast"]
            assert [float(each) for each in re.findall(r"[\d.]+", cell)] == pytest.approx(recorded, abs=0.006)
    assert f"{RESULTS['images']} images" in shown and RECORD.name in shown


def test_those_that_are_surely_faster_are_named() -> None:
    ahead = {
        f"{engine} with {network}"
        for engine, key in ENGINES.items()
        for network, stem in NETWORKS.items()
        if stem in RESULTS and RESULTS[stem][key]["esr_is_times_as_fast"][2] < 1
    }
    (said,) = re.findall(r"^Faster than `esr upscale`, by the whole interval: (.*)\.$", PAGE, re.M)
    assert {name for name in said.split(", ") if name.startswith(tuple(ENGINES))} == ahead
