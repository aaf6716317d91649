"""What the scales `laptop` and `laptop-short` reach, in docs/laptop.md and README.md.

From the records of benchmarks/laptop_entries.py, and README's table from the leaderboard that docs/leaderboards keeps.
"""

import csv
from pathlib import Path
from typing import Any

from recorded import newest_results

LEADERBOARD = Path(__file__).resolve().parents[1] / "leaderboards" / "laptop-short" / "leaderboard.csv"
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}
PRINTED = {
    "FSRCNN": {"set5": 30.71, "set14": 27.59, "bsd100": 26.98, "urban100": 24.62},
    "VDSR": {"set5": 31.35, "set14": 28.01, "bsd100": 27.29, "urban100": 25.18},
}
"""dB on luma, as the literature's tables print them."""


def laptop_entries(scale: str) -> str:
    """Luma PSNR by set, between what the literature prints, with each entry's iterations and minutes."""
    results = newest_results(f"{scale}-entries")
    rows = {row: _luma(found) for row, found in results.items()}
    first, *_ = results.values()
    rows["bicubic"] = {name: first["dB"][name]["bicubic_y"] for name in SETS}
    rows |= {f"{name}, as printed": figures for name, figures in PRINTED.items()}
    heads = [*SETS.values(), "iterations", "minutes of training"]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for name, figures in sorted(rows.items(), key=lambda row: row[1]["set5"]):
        found = results.get(name)
        work = [f"{_iterations(found):,}", f"{found['minutes']:.0f}"] if found else ["", ""]
        lines.append(f"| {' | '.join([name, *(f'{figures[each]:.2f}' for each in SETS), *work])} |")
    return "\n".join(lines) + "\n"


def laptop_margins() -> str:
    """How far SlimRLFN ends from what the literature prints, over the four sets."""
    reached = _luma(newest_results("laptop-entries")["slimrlfn"])
    margins = []
    for name, printed in PRINTED.items():
        apart = [round(reached[each], 2) - printed[each] for each in SETS]
        margins.append(f"SlimRLFN less {name}: {min(apart):+.2f} to {max(apart):+.2f} dB over the four sets.")
    return "\n".join(margins) + "\n"


def readme_entries() -> str:
    """The entries of `laptop-short`, best on Set5 first, with their run times; and what an hour brings.

    Without the intervals of run time, which were of a version that made them too narrow.
    """
    lines = [f"| | {' | '.join(SETS.values())} | time / RLFN's |", f"|---|{'---|' * (len(SETS) + 1)}"]
    with LEADERBOARD.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: -float(row["psnr_y_set5"]))
    for row in rows:
        luma = (row[f"psnr_y_{name}"] for name in SETS)
        cells = [row["entry"], *(f"{float(value):.2f}" for value in (*luma, row["ratio_to_baseline"]))]
        lines.append(f"| {' | '.join(cells)} |")
    edrn = newest_results("laptop-short-entries")["edrn"]
    hour = _luma(newest_results("laptop-entries")["slimrlfn"])["set5"]
    after = (
        f"EDRN got {_iterations(edrn)} iterations: below bicubic. In an hour (`laptop`),"
        f" SlimRLFN reaches {hour:.2f} on Set5; FSRCNN's printed figure is {PRINTED['FSRCNN']['set5']}."
    )
    return "\n".join([*lines, "", after]) + "\n"


def _luma(found: dict[str, Any]) -> dict[str, float]:
    return {name: found["dB"][name]["psnr_y"] for name in SETS}


def _iterations(found: dict[str, Any]) -> int:
    """Of all phases of an entry, without its teacher's and its pruning's: the last of every curve."""
    curves = [
        stage["PSNR by iteration"]
        for name, stage in found["trainings"].items()
        if "PSNR by iteration" in stage and not name.startswith("teacher@")
    ]
    return sum(int(curve[-1][0]) for curve in curves)
