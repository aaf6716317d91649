"""``.ci/lint_workflow.py``: the workflow has nothing that Snakemake's linter complains of but what is accepted."""

import os
import subprocess
import sys
from pathlib import Path

from tests.tiny_project import ROOT, Project


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "lint_workflow.py")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_workflow_passes(untouched: Project) -> None:
    done = lint(untouched.folder)
    assert done.returncode == 0, done.stderr


def test_another_complaint_fails_and_is_shown(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text('rule all:\n    output:\n        "x"\n    shell:\n        "touch {output}"\n')
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "No log directive defined" in done.stderr


def test_a_workflow_that_cannot_be_read_fails(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("rule all\n")
    assert lint(tmp_path).returncode == 1
