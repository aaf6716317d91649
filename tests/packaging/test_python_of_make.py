"""Which Python ``make`` builds .venv with; nothing is built."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tiny_project import ROOT


@pytest.mark.parametrize(
    ("whole", "broken", "arguments", "taken"),
    [
        (["python3.11", "python3.12", "python3.13"], [], [], "python3.11"),
        (["python3.12", "python3.13"], ["python3.11"], [], "python3.12"),  # as one of pyenv's that is not chosen
        (["python3.13"], [], [], "python3.13"),
        (["python3.11", "python3.14"], [], ["PYTHON=python3.14"], "python3.14"),
        ([], [], [], "python3.11"),  # which make then says it has not found
    ],
)
def test_it_is_the_first_whole_one_that_there_is_or_the_one_that_is_named(
    tmp_path: Path, whole: list[str], broken: list[str], arguments: list[str], taken: str
) -> None:
    for name, code in {**dict.fromkeys(whole, 0), **dict.fromkeys(broken, 127)}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    make = str(shutil.which("make"))
    done = subprocess.run(
        [make, "--dry-run", "--always-make", ".venv/installed", *arguments],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},  # and without what a make around this test was told
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == f"{taken} -m venv .venv"
