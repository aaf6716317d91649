"""What a stage measured that another machine should measure, too: no run times, which belong to a machine."""

import csv
import math
from contextlib import suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.evaluation.metrics import Metrics, read_metrics
from esr.recipes.graph import Node

COUNTED = ("parameters", "flops", "flops_2023", "activations", "convs")
SCORED = ("psnr", "psnr_y", "ssim", "ssim_y")
TOLERANCE = {"psnr": 0.1, "bicubic": 1e-6, "ssim": 0.005}
"""How far a figure may lie from the recorded one by default, by the first word of its name: in dB, in dB, without a
unit. Counts may not differ at all."""


def figures_of(node: Node) -> dict[str, float]:
    """The figures of a stage's outputs; none of a stage that measures nothing, or whose outputs cannot be read."""
    figures: dict[str, float] = {}
    with suppress(EsrError, OSError, ValueError, KeyError):
        for path in map(Path, node.out_paths):
            if path.name == "metrics.json":
                figures |= _measured(read_metrics(path))
            elif path.name == "curve.csv":
                figures |= _last(path, "psnr")
            elif path.name == "rounds.csv" and node.kind == "prune":
                figures |= _last(path, "psnr", "parameters")
    return figures


def tolerance_of(name: str, psnr: float) -> float:
    """How far the figure ``name`` may lie from the recorded one, where PSNR may differ by ``psnr`` dB."""
    first = name.split("_")[0]
    return psnr if first == "psnr" else TOLERANCE.get(first, 0.0)


def _measured(metrics: Metrics) -> dict[str, float]:
    """Counts, and the mean scores of each set that has images, bicubic's beside them."""
    scores = {
        f"{name}_{each.name}": float(getattr(each.mean, name))
        for each in metrics.sets
        if each.mean
        for name in (*SCORED, "bicubic")
    }
    return {**{name: float(getattr(metrics, name)) for name in COUNTED}, **scores}


def _last(table: Path, *columns: str) -> dict[str, float]:
    """The last number in each column of a CSV: PSNR on the held-out images in dB, parameters."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = {name: float(row[name]) for name in columns for row in rows if row[name]}
    return {name: value for name, value in told.items() if math.isfinite(value)}
