"""The schema that editors and Snakemake check params.yaml by."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from esr.common.yaml_file import read_yaml
from esr.recipes.schema import params_schema

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "workflow" / "params.schema.json"
PARAMS = read_yaml(ROOT / "params.yaml")


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA.read_text() == params_schema(), "run: python -m esr schema > workflow/params.schema.json"


def test_the_command_prints_it() -> None:
    done = subprocess.run([sys.executable, "-m", "esr", "schema"], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode() == SCHEMA.read_text()


def test_params_yaml_names_its_schema_for_editors() -> None:
    first, *_ = (ROOT / "params.yaml").read_text().splitlines()
    assert first == f"# yaml-language-server: $schema={SCHEMA.relative_to(ROOT)}"


def faults(params: dict[str, Any]) -> list[str]:
    return [error.json_path for error in Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(params)]


def test_params_yaml_is_valid() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))
    assert faults(PARAMS) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda params: params["train"]["rlfn-1"].update(pacth=64), "$.train['rlfn-1']"),
        (lambda params: params["train"]["rlfn-1"].update(batch=0), "$.train['rlfn-1'].batch"),
        (lambda params: params["train"]["rlfn-1"].update(loss="l3"), "$.train['rlfn-1'].loss"),
        (lambda params: params["train"].update({"RLFN 2": {}}), "$.train"),
        (lambda params: params.update(tarin={}), "$"),
        (lambda params: params["finetune"]["rlfn-2"].pop("from"), "$.finetune['rlfn-2']"),
    ],
)
def test_an_editor_marks_the_culprit(change: Callable[[dict[str, Any]], None], place: str) -> None:
    params = copy.deepcopy(PARAMS)
    change(params)
    assert faults(params) == [place]


def test_every_key_says_what_it_means() -> None:
    """An editor shows the description of the key under the cursor."""
    schema = json.loads(SCHEMA.read_text())
    silent = [
        f"{name}.{key}"
        for name, definition in schema["$defs"].items()
        for key, value in definition.get("properties", {}).items()
        if "description" not in value and "$ref" not in value
    ]
    assert silent == []
