"""Stages in a container; a stand-in for `apptainer` writes down how it is called and runs the command as it stands."""

import os
from pathlib import Path

import pytest

from tests.tiny_project import Project

APPTAINER = """\
#!/bin/bash
[ "$1" = --version ] && echo "apptainer version 1.3.0" && exit
echo "$@" >> {calls}
while [ "$1" != esr.sif ]; do shift; done
shift
exec "$@"
"""
MADE = "data/demo/sources/div2k/manifest.json"


@pytest.mark.slow
def test_a_stage_runs_in_the_image_and_is_current_without_it(untouched: Project, tmp_path: Path) -> None:
    calls, program = tmp_path / "calls", tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER.format(calls=calls))
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{untouched.environment()['PATH']}"
    command = ("snakemake", "--cores", "1", "--profile", "workflow/profiles/apptainer", "--", MADE)
    untouched.well(*command, PATH=path)
    (call,) = calls.read_text().splitlines()
    assert " --nv " in call and "esr.sif bash -c" in call and call.endswith("python -m esr download div2k")
    assert "Nothing to be done" in untouched.well("snakemake", "-n", "--", MADE)
