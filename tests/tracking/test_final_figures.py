"""What a line of the leaderboard says in MLflow: final figures, rounded, the published ones beside them."""

import copy
import json
import math
import re
from pathlib import Path

import pytest

from esr.common.files import write_json
from esr.common.yaml_file import read_yaml
from esr.recipes.read import Params, check
from esr.stages.final_figures import final_figures
from esr.tracking.shape import final
from esr.tracking.views import experiment_tags
from tests.report.made_board import made_metrics
from tests.tiny_project import ROOT


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    return check(copy.deepcopy(read_yaml(ROOT / "params.yaml")))


def figures(params: Params, key: str, tmp_path: Path, ratio: float = 0.75) -> dict[str, float]:
    path = tmp_path / "metrics.json"
    write_json(path, made_metrics(28.25, 100.0, ratio, 200_000))
    return final_figures(params, key, path)


def test_the_score_is_by_the_year_s_printed_formula(params: Params, tmp_path: Path) -> None:
    """By hand from the README of 2024's repository; RLFN's 19.67 G and 0.317 M."""
    metrics = made_metrics(28.25, 100.0, 0.75, 200_000)
    x, flops, parameters = 0.75, metrics["flops"] / 1e9 / 19.67, 0.2 / 0.317
    expected = 0.7 * math.exp(2 * x) + 0.15 * math.exp(2 * flops) + 0.15 * math.exp(2 * parameters)
    assert params.entries["slimrlfn"].year == 2024
    assert figures(params, "slimrlfn", tmp_path)["score"] == pytest.approx(expected)


def test_published_numbers_stand_beside_an_entry_s_own_row_alone(params: Params, tmp_path: Path) -> None:
    told = figures(params, "rlfn", tmp_path)
    published = params.entries["rlfn"].published
    assert told["published_parameters_m"] == published.parameters_m
    assert told["published_psnr_valid"] == published.psnr_valid
    assert not any(name.startswith("published") for name in figures(params, "slimrlfn-pruned", tmp_path))


def test_numbers_are_rounded_for_people_and_counts_have_the_papers_units() -> None:
    told = {
        "psnr": 28.210694057544085,
        "psnr_set5": 31.98765,
        "ratio_to_baseline_low": 0.77304251590707,
        "control_high": 1.0651234,
        "flops": 11991174144.0,
        "parameters": 207774.0,
        "convs": 51.0,
        "memory_mb": 43.37071990966797,
        "published_flops_g": 12.3456,
        "rounds": 19.0,
        "input_height": 135.0,
        "bicubic_y": 29.4,
        "flops_2023": 1.0,
    }
    assert final(told) == {
        "psnr": 28.211,
        "psnr_set5": 31.988,
        "ratio_to_baseline_low": 0.773,
        "control_high": 1.065,
        "flops_g": 11.99,
        "parameters_m": 0.208,
        "convs": 51,
        "memory_mb": 43.4,
        "published_flops_g": 12.35,
    }


def test_the_experiment_s_first_line_leads_to_the_views() -> None:
    """MLflow shows it above every page of the experiment, so a newcomer needs no saved link."""
    tags = experiment_tags("7")
    first = tags["mlflow.note.content"].splitlines()[0]
    links = re.findall(r"\]\((#/experiments/7/runs\?viewStateShareKey=(\w+))\)", first)
    assert [key for _, key in links] == ["entries", "training"]
    shown = json.loads(json.loads(tags["mlflow.sharedViewState.entries"])["state"])["selectedColumns"]
    assert {"metrics.`score`", "metrics.`ratio_to_baseline_high`", "metrics.`published_psnr_valid`"} <= set(shown)


def test_no_chart_shows_milliseconds_of_different_moments() -> None:
    charts = json.loads(json.loads(experiment_tags("7")["mlflow.sharedViewState.entries"])["state"])["compareRunCharts"]
    (plane,) = [chart for chart in charts if chart["type"] == "SCATTER"]
    assert (plane["xaxis"]["key"], plane["yaxis"]["key"]) == ("ratio_to_baseline", "psnr")
    assert "time_ms" not in json.dumps(charts)
