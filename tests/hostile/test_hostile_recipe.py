"""``esr recipe`` and ``esr plan`` for entries that are not the challenge's, and for names that name nothing."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")
ENTRY = {"title": "Mine [/bold] [1/2]", "year": 2026, "validation_set": "DIV2K_valid", "training_work": None}
NETWORK = {"entry": "mine", "network": "esr/networks/rfdn.py"}


def project(folder: Path, rows: dict[str, dict[str, Any]]) -> None:
    """The project's files with further rows; JSON is YAML."""
    params = copy.deepcopy(PARAMS)
    for table, row in rows.items():
        params[table]["mine"] = row
    (folder / "params.yaml").write_text(json.dumps(params))
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    if done.exception:
        raise done.exception
    return " ".join(done.output.split())


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_entry_of_one_s_own_is_not_said_to_be_a_factsheet_s(tmp_path: Path) -> None:
    row = {**PARAMS["train"]["rfdn-1"], **NETWORK}
    project(tmp_path, {"entries": ENTRY, "train": row})
    text = said("recipe", "mine")
    assert text.startswith("Mine [/bold] [1/2], 2026: the recipe")
    assert "1,000,000 it" in text
    assert "factsheet." not in text.replace("marked [G], as one that is not in the factsheet.", "")
    assert "No value in these rows is marked [G]" in text


def test_an_entry_that_trains_nothing(tmp_path: Path) -> None:
    imported = {**NETWORK, "checkpoint": "checkpoints/team[00]_rfdn.pth"}
    project(tmp_path, {"entries": ENTRY, "import": imported})
    text = said("recipe", "mine")
    assert "No row of this entry trains anything." in text
    assert "import/mine: checkpoints/team[00]_rfdn.pth" in text


@pytest.mark.parametrize("entry", list(PARAMS["entries"]))
@pytest.mark.parametrize(
    "scale", ["paper", *(pytest.param(scale, marks=pytest.mark.slow) for scale in ("demo", "pilot"))]
)
def test_every_entry_of_the_challenge_tells_what_is_not_in_its_factsheet(
    entry: str, scale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has at least one value that is marked."""
    monkeypatch.chdir(ROOT)
    assert "Not in the factsheet, this project's defaults:" in said("recipe", entry, "--scale", scale)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["recipe", "nix"], "params.yaml has no entry nix; there are: r2net, "),
        (["recipe", ""], "params.yaml has no entry ; there are: r2net, "),
        (["recipe", "x" * 10_000], "(10000 characters); there are: r2net, "),
        (["recipe", "a\nb"], "params.yaml has no entry a\\nb; there are: r2net, "),
        (["recipe", "rlfn", "--scale", "../x"], "scale ../x is not in scales; there are: demo, laptop, laptop-short, "),
        (["recipe", "rlfn", "--scale", ""], "scale (empty) is not in scales; there are: demo, laptop, laptop-short, "),
        (["plan", "--entry", "nix"], "params.yaml has no entry nix; there are: r2net, "),
        (["plan", "--entry", "rlfn", "--entry", "nix"], "params.yaml has no entry nix; there are: r2net, "),
        (["plan", "--scale", "Demo 1"], "scale Demo 1 is not in scales; there are: demo, laptop, laptop-short, "),
    ],
)
def test_a_name_that_names_nothing(arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(EsrError) as refused:
        said(*arguments)
    message = str(refused.value)
    assert told in message and "\n" not in message and len(message) < 300
