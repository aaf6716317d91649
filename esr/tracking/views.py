"""The experiment in MLflow, with the saved views that its page offers under `Views`: what a person wants to see first.

MLflow keeps a view as a tag of the experiment, in a format of its own (seen in 3.17). A version that does not know
the format shows its usual columns, and nothing is lost.
"""

import json
from collections.abc import Sequence
from typing import Any

EXPERIMENT = "esr"
VIEW = "#/experiments/{place}/runs?viewStateShareKey={key}"
NOTE = """\
**[Compare the entries]({entries})** or look at the **[training curves]({training})**; both are under `Views`, too.

One run per line of the leaderboard and recipe, and below an entry's one per stage. The fused networks are among the \
[models](#/models).
"""  # the first line is what MLflow shows of it on every page of the experiment

NUMBERS = (
    *("psnr", "bicubic", "ssim", "time_ms", "ratio_to_baseline", "ratio_to_baseline_low", "ratio_to_baseline_high"),
    *("control_low", "control_high", "score", "parameters_m", "flops_g", "activations_m", "memory_mb"),
    *("published_psnr_valid", "published_psnr_test", "published_parameters_m", "published_flops_g"),
)
BARS = ("psnr", "ratio_to_baseline", "parameters_m", "flops_g")
SHOWN = {"display": True, "isReordered": True, "isGenerated": False}
CURVES = ("psnr", "loss", "learning_rate", "images_per_second")


def experiment_tags(place: str) -> dict[str, str]:
    """What the experiment with this id is given; a view's name after the last dot is the key of its link."""
    links = {key: VIEW.format(place=place, key=key) for key in ("entries", "training")}
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": NOTE.format(**links),
        "mlflow.sharedViewState.entries": _view("Entries", _entries()),
        "mlflow.sharedViewState.training": _view("Training curves", _training()),
    }


def _entries() -> dict[str, Any]:
    """Entries that were measured, best PSNR first; as charts: PSNR against the ratio of times, bars, crops.

    Milliseconds of different moments do not compare, so no chart shows them.
    """
    plane = {"xaxis": {"key": "ratio_to_baseline", "type": "METRIC"}, "yaxis": {"key": "psnr", "type": "METRIC"}}
    charts = [_chart("SCATTER", "numbers", "psnr against ratio_to_baseline", **plane)]
    charts += [_chart("BAR", "numbers", name, metricKey=name) for name in BARS]
    charts += [_chart("IMAGE", "pictures", "crops", imageKeys=["crops"], step=0, showRunParams=False)]
    return _state("tags.level = 'entry' and metrics.psnr > 0", "metrics.`psnr`", False, NUMBERS, charts)


def _training() -> dict[str, Any]:
    """Stages that train, in the order of the graph; as charts: their curves and samples."""
    charts = [_chart("LINE", "numbers", name, metricKey=name, selectedMetricKeys=[name]) for name in CURVES]
    charts += [_chart("IMAGE", "pictures", "sample", imageKeys=["sample"], step=0, showRunParams=False)]
    return _state("tags.level = 'stage' and metrics.loss > 0", "tags.`mlflow.runName`", True, CURVES, charts)


def _view(name: str, state: dict[str, Any]) -> str:
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


def _state(which: str, order: str, up: bool, metrics: Sequence[str], charts: list[dict[str, Any]]) -> dict[str, Any]:
    names = [f"metrics.`{name}`" for name in metrics]
    return {
        "searchFilter": which,
        "orderByKey": order,
        "orderByAsc": up,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": names,
        "columnOrder": names,
        "columnWidths": dict.fromkeys(names, 120),
        "compareRunCharts": charts,
        "compareRunSections": [
            {"uuid": section, "name": section.capitalize(), "columns": columns, "cardHeight": 360, **SHOWN}
            for section, columns in (("numbers", 3), ("pictures", 1))
        ],
    }


def _chart(kind: str, section: str, name: str, **what: Any) -> dict[str, Any]:
    place = {"metricSectionId": section, "deleted": False, "isGenerated": False, "runsCountToCompare": 100}
    return {"uuid": f"{section}-{name}", "type": kind, "displayName": name, **place, **what}
