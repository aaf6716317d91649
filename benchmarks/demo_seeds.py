"""How far above bicubic the demo's networks end, over seeds, and what a rate that is halved costs them.

In the folder of a clone::

    python benchmarks/demo_seeds.py rlfn rfdn --seeds 1 2 3             # the demo's rule
    python benchmarks/demo_seeds.py rlfn rfdn --seeds 1 2 3 --halved    # with the paper's four halvings

Every entry runs whole, through Snakemake, in a copy of the committed tree, with another seed in all of its rows; its
PSNR is the leaderboard's. Nothing is timed, so the machine may do other things meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from records import write_record

KINDS = ("teacher", "distill", "train", "finetune", "prune")


def main() -> None:
    """Run every entry with every seed, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entries", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--halved", action="store_true")
    asked = parser.parse_args()
    above: dict[str, dict[int, float]] = {}
    with TemporaryDirectory() as folder:
        subprocess.run(f"git archive HEAD | tar -x -C {folder}", shell=True, check=True)
        for seed in asked.seeds:
            for entry in asked.entries:
                gain = run(Path(folder), entry, seed, asked.halved)
                above.setdefault(entry, {})[seed] = gain
                print(f"{entry}, seed {seed}: {gain:+.3f} dB above bicubic", flush=True)
    print(write_record("demo_seeds", __doc__ or "", {"first_halved": asked.halved, "dB above bicubic": above}))


def run(folder: Path, entry: str, seed: int, halved: bool) -> float:
    """The entry's PSNR minus bicubic's, in dB."""
    params: dict[str, Any] = yaml.safe_load((folder / "params.yaml").read_text())
    for kind in KINDS:
        for row in params[kind].values():
            row["seed"] = seed
    params["scales"]["demo"]["training"]["learning_rate"]["first_halved"] = halved
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    environment = {**os.environ, "PYTHONPATH": str(folder), "ESR_MIRROR": "off"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--", entry]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    metrics = json.loads((folder / f"runs/demo/benchmark/{entry}/metrics.json").read_text())
    return float(metrics["above_bicubic"])


if __name__ == "__main__":
    main()
