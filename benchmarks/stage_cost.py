"""What a stage costs before and after its own work: imports, checks, hashes, journal, receipt.

In the folder of a project whose demo has run::

    python benchmarks/stage_cost.py

The stage is `fuse slimrlfn`, whose work is the smallest of those that need torch. The command as the drivers run it
alternates with an interpreter that imports torch and does nothing else; the stage's own work is timed in a process
that has everything imported, and taken off. MLflow's mirror is a process of its own and costs the stage its start.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from records import write_record

ROUNDS = 9
TRAINED = "runs/demo/finetune/slimrlfn-640/weights.safetensors"
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import torch": [sys.executable, "-c", "import torch"],
    "esr fuse slimrlfn": [sys.executable, "-m", "esr", "fuse", "slimrlfn"],
}
WORK = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from esr.compression.fusion import fuse_weights
begun = time.perf_counter()
fuse_weights(Path(sys.argv[1]), Path(sys.argv[2]))
print(time.perf_counter() - begun)
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a command and what it waits for."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def own_work() -> float:
    """Seconds of the stage's own work, everything imported."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-c", WORK, TRAINED, f"{folder}/weights.safetensors"]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure, print and write the record."""
    if not Path(TRAINED).exists():
        raise SystemExit(f"{TRAINED} is missing; run this in a project whose demo has run")
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    work = []
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            runs[name].append(timed(command))
        work.append(own_work())
    found = {
        name: {
            "wall_s": round(statistics.median(w for w, _ in of), 3),
            "cpu_s": round(statistics.median(c for _, c in of), 3),
        }
        for name, of in runs.items()
    }
    own = round(statistics.median(work), 3)
    cost = round(found["esr fuse slimrlfn"]["wall_s"] - own, 3)
    results = {
        "medians": found,
        "own_work_s": own,
        "before_and_after_s": cost,
        "before_and_after_over_import_torch": round(cost / found["import torch"]["wall_s"], 2),
    }
    print(results)
    print(write_record("stage_cost", __doc__ or "", results))


if __name__ == "__main__":
    main()
