"""What ``esr recipe`` says below its table of an entry's recipe."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.common.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")


def said(params: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> str:
    """What is printed for an entry of these params, on one line."""
    (folder / "params.yaml").write_text(json.dumps(params))
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["recipe", entry])
    assert done.exit_code == 0
    return " ".join(done.output.split())


def test_a_gpu_s_teacher_is_not_rounded_to_bf16_unless_it_is_asked_for() -> None:
    assert PARAMS["engine"]["cuda"]["teacher_precision"] == "tf32"


@pytest.mark.parametrize(
    ("precision", "entry", "is_shown"),
    [
        ("bf16", "slimrlfn", True),
        ("bf16", "ifadnet", True),
        ("bf16", "r2net", False),  # which has no teacher
        ("fp32", "slimrlfn", False),
        ("tf32", "slimrlfn", False),
    ],
)
def test_a_target_in_bf16_is_shown_where_there_is_a_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, entry: str, is_shown: bool
) -> None:
    params = copy.deepcopy(PARAMS)
    params["engine"]["cuda"]["teacher_precision"] = precision
    text = said(params, tmp_path, monkeypatch, entry)
    told = "On a GPU the teacher's output, a target, is rounded to bf16 (engine.cuda.teacher_precision)"
    assert (told in text) == is_shown
    assert "On a CPU the teacher" not in text


def test_a_cpu_s_target_in_bf16_is_shown_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = copy.deepcopy(PARAMS)
    params["engine"]["cpu"]["teacher_precision"] = "bf16"
    text = said(params, tmp_path, monkeypatch, "slimrlfn")
    assert "On a CPU the teacher's output, a target, is rounded to bf16 (engine.cpu.teacher_precision)" in text


def test_what_the_year_asked_for_is_shown_and_an_assumption_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = said(PARAMS, tmp_path, monkeypatch, "edrn")
    assert "Asked for in 2023: 29.00 dB on div2k-valid, an assumption: it is what 2022 asked for" in text
    text = said(PARAMS, tmp_path, monkeypatch, "rlfn")
    assert "Asked for in 2024: 26.90 dB on div2k-lsdir-valid, 26.99 dB on div2k-lsdir-test." in text
