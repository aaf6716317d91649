"""docs/adding-an-entry.md, done to the letter in a copy of the project."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tiny_project import Project

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "adding-an-entry.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.M | re.S)


def add_rows(params: dict[str, Any], rows: dict[str, Any]) -> None:
    for table in rows:
        params[table].update(rows[table])


def follow(project: Project) -> list[str]:
    """Write the page's files and rows; gives its commands, which are still to be run."""
    commands = []
    for language, text in BLOCKS:
        if language == "console":
            commands += [line.removeprefix("$ ") for line in text.splitlines()]
            continue
        path = project.folder / text.splitlines()[0].removeprefix("# ")
        if language == "yaml":
            project.edit(partial(add_rows, rows=yaml.safe_load(text)))
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return commands


def test_it_takes_less_than_sixty_lines() -> None:
    own = [line for language, text in BLOCKS if language != "console" for line in text.splitlines() if line.strip()]
    assert len(own) < 60


@pytest.fixture
def followed(untouched: Project) -> tuple[Project, list[str]]:
    return untouched, follow(untouched)


@pytest.mark.slow
def test_the_page_s_commands_run_it_through_the_graph(followed: tuple[Project, list[str]]) -> None:
    project, commands = followed
    assert commands[-1] == "snakemake --cores all tinynet"
    said = {command: project.well(*command.removeprefix("python -m ").split()) for command in commands}
    assert "1 passed" in said["python -m pytest -q networks"]
    assert "200,000 it" in said["python -m esr recipe tinynet"]
    assert "train tinynet-1" in said["python -m esr plan --entry tinynet"]
    metrics = json.loads((project.folder / "runs/demo/benchmark/tinynet/metrics.json").read_text())
    head, body, tail = 3 * 24 * 9 + 24, 24 * 24 * 9 + 24, 24 * 48 * 9 + 48
    assert metrics["parameters"] == head + body + tail
    assert {Path(path).parts[-2] for path in project.weights()} == {"tinynet-1", "tinynet"}


@pytest.mark.slow
def test_an_edit_of_the_network_runs_its_own_stages_again_and_no_others(followed: tuple[Project, list[str]]) -> None:
    project, _ = followed
    project.well("dvc", "repro", "benchmark@tinynet")
    status = json.loads(project.run("dvc", "status", "--json", "benchmark@tinynet", "train@tinynet-1").stdout)
    assert status == {}
    with (project.folder / "networks/tinynet.py").open("a") as file:
        file.write("EDITED = 1\n")
    project.well("esr", "code")
    changed = set(json.loads(project.run("dvc", "status", "--json").stdout))
    assert {name for name in changed if "tinynet" in name} == {"train@tinynet-1", "fuse@tinynet", "benchmark@tinynet"}
    assert "download@div2k" not in changed
