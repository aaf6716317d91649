"""SlimRLFN's run time over RLFN's, again and again, by either protocol: the newest record of benchmarks/run_time.py."""

import json
from pathlib import Path

import numpy as np
from colours import GREEN, INK, MUTED
from matplotlib.figure import Figure

from esr.timing.interval import median_interval

RECORDS = Path(__file__).resolve().parents[2] / "benchmarks" / "records"


def draw_ratios() -> Figure:
    """A line per repeat: esr's ratio with its 95 % interval, and the quotient of the means of the challenge's way."""
    record = json.loads(max(RECORDS.glob("*-run-time-cpu.json")).read_text())
    repeats = record["results"]["repeats"]
    figure = Figure(figsize=(9.4, 4.6), layout="constrained")
    axes = figure.subplots()
    for number, repeat in enumerate(repeats, start=1):
        own, beside = (np.array(repeat["esr"][name]).sum(axis=1) for name in ("slimrlfn", "rlfn"))
        ratio = median_interval((own / beside).tolist())
        theirs = np.mean(repeat["official"]["slimrlfn"]) / np.mean(repeat["official"]["rlfn"])
        axes.plot([ratio.low, ratio.high], [number, number], color=GREEN, linewidth=3, solid_capstyle="butt")
        axes.plot([ratio.value], [number], "o", color=GREEN, markersize=6, label="esr, with its interval")
        axes.plot([theirs], [number], "D", color=INK, markerfacecolor="none", markersize=6, label="the challenge's way")
    axes.set_ylim(len(repeats) + 0.7, 0.3)
    axes.set_yticks(range(1, len(repeats) + 1))
    axes.set_ylabel("repeat", color=MUTED)
    axes.set_xlabel(f"run time of SlimRLFN / RLFN's, {record['machine']['cores']} CPU cores", color=MUTED)
    axes.tick_params(length=0, colors=MUTED, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[:2], labels[:2], loc="outside upper right", ncols=2, frameon=False)
    return figure
