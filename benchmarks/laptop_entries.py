"""What entries reach at the scales `laptop` and `laptop-short`, how long each stage trained, and its curve.

Read from a run: in the folder of a clone of that scale, when ``snakemake --cores all slimrlfn`` or another is done::

    python benchmarks/laptop_entries.py laptop slimrlfn slimrlfn-pruned

A row is taken only where `esr trace` says that all behind it is what the present recipe makes. With --more the newest
record's other rows are taken over. The scale's table in docs/laptop.md is written anew. Minutes are those of the run.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from records import FOLDER, write_record

DOCS = Path(__file__).resolve().parents[1] / "docs" / "laptop.md"
SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}
TRAININGS = ("teacher@", "distill@", "train@", "finetune@", "prune@")
PRINTED = {
    "FSRCNN": {"set5": 30.71, "set14": 27.59, "bsd100": 26.98, "urban100": 24.62},
    "VDSR": {"set5": 31.35, "set14": 28.01, "bsd100": 27.29, "urban100": 25.18},
}
"""dB on luma, as the literature's tables print them."""


def main() -> None:
    """Read the rows, write the record and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scale", choices=("laptop", "laptop-short"))
    parser.add_argument("rows", nargs="+", metavar="ROW", help="of the table `benchmark`")
    parser.add_argument("--more", action="store_true", help="keep the other rows of the newest record")
    asked = parser.parse_args()
    name = f"{asked.scale}-entries"
    results = json.loads(max(FOLDER.glob(f"*-{name}.json")).read_text())["results"] if asked.more else {}
    results |= {row: read_row(asked.scale, row) for row in asked.rows}
    print(write_record(name, __doc__ or "", results))
    block = re.compile(rf"(?<=<!-- {asked.scale} -->\n).*?(?=<!-- /{asked.scale} -->)", re.DOTALL)
    DOCS.write_text(block.sub(lambda _: table(results), DOCS.read_text()))


def read_row(scale: str, row: str) -> dict[str, Any]:
    """Figures of a row by set, and of every training behind it."""
    traced = subprocess.run(
        [sys.executable, "-m", "esr", "trace", row, "psnr", "--json"], capture_output=True, text=True
    )
    trace = json.loads(traced.stdout)
    if not trace["sound"]:
        sys.exit(f"{row} is not of the present recipe; `esr trace {row}` says why")
    metrics = json.loads(Path(f"runs/{scale}/benchmark/{row}/metrics.json").read_text())
    means = {each["name"]: each["mean"] for each in metrics["sets"] if each["mean"]}
    trainings = [stage for stage in reversed(trace["stages"]) if stage["name"].startswith(TRAININGS)]
    return {
        "parameters": metrics["parameters"],
        "time / RLFN's": [round(metrics[f"ratio_to_baseline_{end}"], 4) for end in ("low", "high")],
        "dB": {
            name: {key: round(value, 4) for key, value in mean.items() if "psnr" in key or "bicubic" in key}
            for name, mean in means.items()
        },
        "minutes": round(sum(minutes(stage) for stage in trainings), 1),
        "trainings": {stage["name"]: training(stage) for stage in trainings},
    }


def minutes(stage: dict[str, Any]) -> float:
    """From a stage's begin to its end."""
    ran = stage["circumstances"]
    return float(ran["ended"] - ran["began"]) / 60_000


def training(stage: dict[str, Any]) -> dict[str, Any]:
    """How long a stage trained, where, what it wrote, and its curve: PSNR by iteration or by round."""
    ran = stage["circumstances"]
    curve = next(Path(each["path"]) for each in stage["outputs"] if each["path"].endswith(".csv"))
    with curve.open(encoding="utf-8") as lines:
        step, *_ = columns = csv.DictReader(lines).fieldnames or []
        points = [[float(line[step]), float(line["psnr"])] for line in csv.DictReader(lines, columns) if line["psnr"]]
    return {
        "minutes": round(minutes(stage), 2),
        **{key: ran[key] for key in ("commit", "processor", "threads", "versions")},
        "outputs": {each["path"]: each["recorded"] for each in stage["outputs"]},
        f"PSNR by {step}": points,
    }


def table(results: dict[str, Any]) -> str:
    """Luma PSNR by set, between what the literature prints."""
    rows = {row: {name: found["dB"][name]["psnr_y"] for name in SETS} for row, found in results.items()}
    first, *_ = results.values()
    rows["bicubic"] = {name: first["dB"][name]["bicubic_y"] for name in SETS}
    rows |= {f"{name}, as printed": figures for name, figures in PRINTED.items()}
    lines = [f"| | {' | '.join(SETS.values())} | minutes of training |", f"|---|{'---:|' * (len(SETS) + 1)}"]
    for name, figures in sorted(rows.items(), key=lambda row: row[1]["set5"]):
        took = f"{results[name]['minutes']:.0f}" if name in results else ""
        lines.append(f"| {name} | {' | '.join(f'{figures[each]:.2f}' for each in SETS)} | {took} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
