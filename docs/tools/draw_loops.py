"""The training loop beside BasicSR's: images per second, from the record of benchmarks/training.py."""

import json
from pathlib import Path

from colours import GREEN, INK, LINE, MUTED
from matplotlib.figure import Figure

RECORD = Path(__file__).resolve().parents[2] / "benchmarks" / "records" / "2026-11-21-training-loops-cpu.json"


def draw_loops() -> Figure:
    """A pair of bars per case, with the ratio; a panel per patch, because large ones take longer."""
    record = json.loads(RECORD.read_text())
    cases = {name: case for name, case in record["results"].items() if isinstance(case, dict)}
    figure = Figure(figsize=(9.4, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, patch in zip(panels, ("HR 256", "HR 640"), strict=True):
        names = sorted((name for name in cases if name.endswith(patch)), reverse=True)
        for place, name in enumerate(names):
            case = cases[name]
            ours, theirs = case["images_per_s"]["ours"], case["images_per_s"]["BasicSR"]
            axes.barh(place + 0.19, ours, 0.36, color=GREEN)
            axes.barh(place - 0.19, theirs, 0.36, color=LINE, edgecolor=MUTED, linewidth=0.6)
            says = f"{ours:#.3g}, {case['ratio']['ours / BasicSR']:.2f} times"
            beside = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "size": 9}
            axes.annotate(says, (ours, place + 0.19), color=INK, **beside)
            axes.annotate(f"{theirs:#.3g}", (theirs, place - 0.19), color=MUTED, **beside)
        axes.set_yticks(range(len(names)), [_label(name) for name in names])
        axes.set_xlim(0, 1.4 * max(cases[name]["images_per_s"]["ours"] for name in names))
        axes.set_title(f"patch of {patch.split()[1]} HR px", color=INK, size=11, loc="left")
        axes.set_xlabel("images per second", color=MUTED)
        axes.tick_params(length=0, colors=MUTED)
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(["esr", "BasicSR"], loc="outside upper right", ncols=2, frameon=False)
    return figure


def _label(name: str) -> str:
    """``SlimRLFN training, batch 16, HR 256`` as a tick says it."""
    network, batch, _ = name.split(", ")
    return f"{network.split()[1]} form\n{batch}"
