"""Both drivers answer for a graph of a thousand stages."""

import json
import re
from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from tests.drivers.grown import grow, stages
from tests.tiny_project import Project


@pytest.mark.slow
def test_a_thousand_stages(everything: Project, tmp_path: Path) -> None:
    project = everything.copy(tmp_path / "esr")
    project.edit(lambda params: params.update(grow(params, 1000)))
    count = stages(read_yaml(project.folder / "params.yaml"))
    assert count >= 1000
    summary = project.well("snakemake", "-n", "--quiet", "rules", "host")
    assert re.findall(r"^total\s+(\d+)$", summary, flags=re.M)[-1] == str(count + 1)  # and the rule `all`
    changed = json.loads(project.run("dvc", "status", "--json").stdout)
    assert len(changed.keys() - {"code"}) == count  # nothing has run yet
