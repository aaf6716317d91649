"""What entries reach at the scales `laptop` and `laptop-short`, how long each stage trained, and its curve.

Read from a run: in the folder of a clone of that scale, when ``snakemake --cores all slimrlfn`` or another is done::

    python benchmarks/laptop_entries.py laptop slimrlfn slimrlfn-pruned

A row is taken only where `esr trace` says that all behind it is what the present recipe makes. With --more the newest
record's other rows are taken over. Minutes are those of the run. `python docs/tools/record_tables.py` shows it in
docs/laptop.md.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from records import FOLDER, write_record

TRAININGS = ("teacher@", "distill@", "train@", "finetune@", "prune@")


def main() -> None:
    """Read the rows and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scale", choices=("laptop", "laptop-short"))
    parser.add_argument("rows", nargs="+", metavar="ROW", help="of the table `benchmark`")
    parser.add_argument("--more", action="store_true", help="keep the other rows of the newest record")
    asked = parser.parse_args()
    name = f"{asked.scale}-entries"
    results = json.loads(max(FOLDER.glob(f"*-{name}.json")).read_text())["results"] if asked.more else {}
    results |= {row: read_row(asked.scale, row) for row in asked.rows}
    print(write_record(name, __doc__ or "", results))


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


if __name__ == "__main__":
    main()
