"""docs/tracing.md says what the newest record of a run with other instructions holds."""

import json
import re

import pytest

from tests.tiny_project import ROOT

PAGE = " ".join((ROOT / "docs/tracing.md").read_text().split())
STAGES = json.loads(max((ROOT / "benchmarks/records").glob("*-other-instructions.json")).read_text())["results"][
    "stages"
]
TRAININGS = ("teacher@", "train@", "distill@", "finetune@", "prune@")


def test_the_page_tells_of_the_trainings_and_of_the_largest_difference() -> None:
    trained = [stage for name, stage in STAGES.items() if name.startswith(TRAININGS)]
    figures = [figure for stage in STAGES.values() for figure in stage["figures there and here"].items()]
    largest = max(abs(there - here) for name, (there, here) in figures if name.startswith("psnr"))
    (said,) = re.findall(
        r"of (\d+) trainings none ended with the same bytes; .* none were different, and PSNR lay ([\d.]+) dB", PAGE
    )
    assert int(said[0]) == len(trained)
    assert float(said[1]) == pytest.approx(largest, abs=6e-4)
    assert {stage["verdict"] for stage in trained} == {"within tolerance"}
    assert "different" not in {stage["verdict"] for stage in STAGES.values()}
