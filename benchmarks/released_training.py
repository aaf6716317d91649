"""What going on from SlimRLFN's release costs or gains on the literature's test sets, beside what the team released.

In a copy of the folder ``released`` whose scale is ``laptop``, when ``snakemake --cores all slimrlfn`` is done there::

    python benchmarks/released_training.py COPY

``slimrlfn-finetuned`` is the release after 1,000 iterations by its recipe's last phase, in smaller patches;
``slimrlfn-pruned-here`` is the release without 20 of its channels, fine-tuned as long; ``slimrlfn-pruned`` is what the
team released. Nothing is timed, so the machine may do other things meanwhile.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from records import write_record

ROWS = ("slimrlfn", "slimrlfn-finetuned", "slimrlfn-pruned", "slimrlfn-pruned-here")
SETS = ("div2k-valid", "set5", "set14", "bsd100", "urban100")  # the first are the held-out photographs
FIGURES = ("psnr", "psnr_y")
GAINS = {
    "fine-tuned - released": ("slimrlfn-finetuned", "slimrlfn"),
    "pruned here - pruned by the team": ("slimrlfn-pruned-here", "slimrlfn-pruned"),
}


def main() -> None:
    """Read the run's metrics, print the differences and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    scores = {row: scores_of(folder / f"runs/laptop/benchmark/{row}/metrics.json") for row in ROWS}
    differences = {
        name: {figure: difference(scores[here], scores[there], figure) for figure in FIGURES}
        for name, (here, there) in GAINS.items()
    }
    print(json.dumps(differences, indent=1))
    print(write_record("released-training", __doc__ or "", {"dB": scores, "differences": differences}))


def scores_of(metrics: Path) -> dict[str, Any]:
    """Means over the images of each set, dB; and the number of parameters."""
    read = json.loads(metrics.read_text())
    means = {each["name"]: each["mean"] for each in read["sets"] if each["name"] in SETS}
    return {"parameters": read["parameters"]} | {
        name: {figure: round(means[name][figure], 4) for figure in FIGURES} for name in SETS
    }


def difference(here: dict[str, Any], there: dict[str, Any], figure: str) -> dict[str, float]:
    """dB by set."""
    return {name: round(here[name][figure] - there[name][figure], 4) for name in SETS}


if __name__ == "__main__":
    main()
