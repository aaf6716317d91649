"""What the scales `laptop` and `laptop-short` reach, in docs/laptop.md and README.md.

From the records of benchmarks/laptop_entries.py, and README's table from the leaderboard that docs/leaderboards keeps.
"""

import csv
from pathlib import Path
from typing import Any

from recorded import TEST_SETS, newest_results

LEADERBOARD = Path(__file__).resolve().parents[1] / "leaderboards" / "laptop-short" / "leaderboard.csv"
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
    rows["bicubic"] = {name: first["dB"][name]["bicubic_y"] for name in TEST_SETS}
    rows |= {f"{name}, as printed": figures for name, figures in PRINTED.items()}
    heads = [*TEST_SETS.values(), "iterations", "minutes of training"]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for name, figures in sorted(rows.items(), key=lambda row: row[1]["set5"]):
        found = results.get(name)
        work = [f"{_iterations(found):,}", f"{found['minutes']:.0f}"] if found else ["", ""]
        lines.append(f"| {' | '.join([name, *(f'{figures[each]:.2f}' for each in TEST_SETS), *work])} |")
    return "\n".join(lines) + "\n"


def laptop_margins() -> str:
    """How far SlimRLFN ends from what the literature prints, over the four sets."""
    reached = _luma(newest_results("laptop-entries")["slimrlfn"])
    margins = []
    for name, printed in PRINTED.items():
        apart = [round(reached[each], 2) - printed[each] for each in TEST_SETS]
        margins.append(f"SlimRLFN less {name}: {min(apart):+.2f} to {max(apart):+.2f} dB over the four sets.")
    return "\n".join(margins) + "\n"


def readme_entries() -> str:
    """The entries of `laptop-short`, best on Set5 first, with intervals of run time; and what an hour brings."""
    lines = [f"| | {' | '.join(TEST_SETS.values())} | time / RLFN's |", f"|---|{'---|' * (len(TEST_SETS) + 1)}"]
    with LEADERBOARD.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: -float(row["psnr_y_set5"]))
    for row in rows:
        cells = [row["entry"], *(f"{float(row[f'psnr_y_{name}']):.2f}" for name in TEST_SETS), _interval(row)]
        lines.append(f"| {' | '.join(cells)} |")
    first, *_ = newest_results("laptop-short-entries").values()
    bicubic = first["dB"]["set5"]["bicubic_y"]
    below = [row["entry"] for row in rows if float(row["psnr_y_set5"]) < bicubic]
    hour = _luma(newest_results("laptop-entries")["slimrlfn"])["set5"]
    printed = PRINTED["FSRCNN"]["set5"]
    after = f"In an hour (`laptop`), SlimRLFN reaches {hour:.2f} on Set5; FSRCNN's printed figure is {printed}."
    if below:
        after = f"Below bicubic: {', '.join(below)} ([why](docs/laptop.md)). {after}"
    return "\n".join([*lines, "", after]) + "\n"


def _interval(row: dict[str, str]) -> str:
    low, high = (float(row[f"ratio_to_baseline_{end}"]) for end in ("low", "high"))
    return f"{low:.2f}–{high:.2f}"


def _luma(found: dict[str, Any]) -> dict[str, float]:
    return {name: found["dB"][name]["psnr_y"] for name in TEST_SETS}


def _iterations(found: dict[str, Any]) -> int:
    """Of all phases of an entry, without its teacher's and its pruning's: the last of every curve."""
    curves = [
        stage["PSNR by iteration"]
        for name, stage in found["trainings"].items()
        if "PSNR by iteration" in stage and not name.startswith("teacher@")
    ]
    return sum(int(curve[-1][0]) for curve in curves)
