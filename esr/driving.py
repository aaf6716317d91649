"""``make run``: everything that is not up to date, through Snakemake, after whatever happened before."""

import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from esr.errors import EsrError
from esr.graph import read_graph
from esr.recipes.read import Params, check
from esr.syncing import clear_stale_lock, sync_records
from esr.tracking.mirror import drain

SNAKEMAKE = ["snakemake", "--cores", "all", "--rerun-incomplete", "--quiet", "all"]
ENTRIES_VIEW = "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=entries"
LOCK = Path(".esr/run.lock")


def run_everything() -> int:
    """Run what is out of date and print the leaderboard; gives the exit code.

    A run that was killed is unlocked and gone on with; a run that lives is told of.
    """
    graph = read_graph()
    params = check(graph.params)
    LOCK.parent.mkdir(exist_ok=True)
    try:
        with FileLock(LOCK, timeout=0):
            clear_stale_lock()
            if sync_records():
                code = subprocess.run([sys.executable, "-m", *SNAKEMAKE], check=False).returncode
            else:
                print("Nothing to be done: every stage is up to date.")
                code = 0
    except Timeout:
        raise EsrError("another `make run` is at work in this folder; wait for it, or stop it first") from None
    unsent = drain()
    if unsent:
        print(unsent, file=sys.stderr)
    if code == 0:
        _tell_what_next(params)
    return 2 if code else 0


def _tell_what_next(params: Params) -> None:
    from esr.report.leaderboard import print_leaderboard

    folder = Path("reports", params.scale)
    print_leaderboard(folder / "leaderboard.csv", params.rule.data.stand_in)
    print(f"Open the page:     {folder / 'index.html'}")
    print(f"Compare the runs:  mlflow ui, then {ENTRIES_VIEW}")
    print("Change the scale:  edit `scale: demo` in params.yaml to pilot or paper, then `make run`")
    if "VIRTUAL_ENV" not in os.environ:
        print("For mlflow, dvc and snakemake by hand: source .venv/bin/activate")
