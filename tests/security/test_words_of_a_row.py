"""No word of params.yaml reaches a shell or leaves the project's folders: it is refused, or it is data."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.recipes.read import check
from tests.tiny_project import Project

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
HOSTILE = ("$(touch ran)", "x; `touch ran`", "../../elsewhere", "-h")
INJECTED = "a$(touch${IFS}ran)"  # no blank and no slash: DVC takes it for a row's name

COMMAND = re.compile(r"python -m esr [a-z]+( [a-z0-9]+(-[a-z0-9]+)*)?")
PLACE = re.compile(r"(data|runs|reports)(/[a-z0-9]+(-[a-z0-9]+)*)+/[a-z]+\.[a-z]+")


def words(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a word stands, as value or as name; of a table the first row stands for all."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys[:1] if len(path) == 1 and path[0] != "engine" else keys:
            yield from words(value[key], (*path, key))


def replaced(place: tuple[Any, ...], word: str) -> dict[str, Any]:
    params = copy.deepcopy(PARAMS)
    inside: Any = params
    for part in place[:-1]:
        inside = inside[part]
    inside[place[-1]] = word
    return params


def renamed(table: str, word: str) -> dict[str, Any]:
    """The table with a further row of this name."""
    params = copy.deepcopy(PARAMS)
    rows = params[table]
    rows[word] = copy.deepcopy(next(iter(rows.values()), {}))
    return params


@pytest.mark.parametrize("table", list(PARAMS))
def test_it_is_refused_or_it_is_in_no_command_and_no_path(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    places = [place for place in words(PARAMS) if place[0] == table]
    tried = [(f"{place} = {word}", replaced(place, word)) for place in places for word in HOSTILE]
    if isinstance(PARAMS[table], dict) and table not in ("engine", "shared"):
        tried += [(f"{table}.{word}", renamed(table, word)) for word in (*HOSTILE, INJECTED)]
    for about, params in tried:
        try:
            check(params)
        except EsrError:
            continue
        for node in Graph(params, STAGES).nodes.values():
            assert COMMAND.fullmatch(node.command), about
            assert all(PLACE.fullmatch(path) for path in node.out_paths), about


def test_each_table_of_stages_refuses_a_name_that_a_shell_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for table in {template["foreach"][2:-1] for template in STAGES.values() if "foreach" in template}:
        with pytest.raises(EsrError, match=rf"^params\.yaml: {table}\."):
            check(renamed(table, INJECTED))


def test_no_driver_runs_it(untouched: Project) -> None:
    """DVC fills names into commands by itself: its first stage must look at params.yaml whenever that has changed.

    The row is asked for by name, as if all others were current: any other stage would refuse it as well.
    """
    untouched.well("dvc", "repro", "code")
    untouched.edit(lambda params: params["download"].update({INJECTED: {"use": "training"}}))
    for command in (["dvc", "repro", f"download@{INJECTED}"], ["snakemake", "--cores", "1"], ["esr", "run"]):
        done = untouched.run(*command)
        assert done.returncode != 0
        assert f"download.{INJECTED}" in done.stdout + done.stderr
        assert not (untouched.folder / "ran").exists()
