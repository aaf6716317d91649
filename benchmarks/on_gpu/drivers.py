"""The tiny pipeline or the demo through Snakemake and through DVC, where they are installed."""

import importlib.util
import sqlite3
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from on_gpu.extent import Given
from on_gpu.notes import Notes

NEEDED = ("snakemake", "dvc", "mlflow")
COMMANDS = {"snakemake": ("snakemake", "--cores", "all"), "dvc": ("dvc", "repro")}


def drivers(given: Given, notes: Notes, which: str) -> None:
    """Run it by each, in a folder of its own; and what MLflow was told of the device."""
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        notes.once("skipped", lambda: f"{', '.join(lacking)} not installed")
        return
    for driver, command in COMMANDS.items():
        notes.tried(driver, partial(_run, which, command))


def _run(which: str, command: tuple[str, ...]) -> dict[str, Any]:
    """Run all of it; gives the entries of the leaderboard, and what MLflow's tags say of devices."""
    from tests.tiny_project import Project, cloned, commit_all, keep_only, shorten, shrink

    with tempfile.TemporaryDirectory() as folder:
        project = Project(cloned(Path(folder, "esr"), without=("released/",)))
        if which == "tiny":
            for change in (shrink, shorten, lambda params: keep_only(params, {"slimrlfn", "rlfn"})):
                project.edit(change)
        commit_all(project)
        project.well(*command)
        project.well("esr", "track")  # MLflow is told now, not some seconds later
        measured = sorted(path.parent.name for path in project.folder.glob("runs/*/benchmark/*/metrics.json"))
        return {"measured": measured, "devices": devices_in(project.folder / "mlflow.db")}


def devices_in(store: Path) -> list[str]:
    """What MLflow's tags call the devices that stages ran on."""
    with closing(sqlite3.connect(store)) as connection:
        return [value for (value,) in connection.execute("SELECT DISTINCT value FROM tags WHERE key = 'device'")]
