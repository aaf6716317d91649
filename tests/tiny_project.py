"""A copy of the project in a folder of its own, made so small that its whole graph runs in a minute."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TINY = {"teacher": 2, "first": 4, "later": 2, "prune_round": 2, "prune_rounds_at_most": 1}


def cloned(folder: Path, without: tuple[str, ...] = ()) -> Path:
    """A new folder with what a clone has, links as links; no more than its runs need, and nothing has run."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:
        if (
            not name.startswith(("tests/", "docs/", "benchmarks/", ".dvc/deploy/", *without))
            and Path(name).name != "dvc.lock"
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder


@dataclass(frozen=True)
class Project:
    """A copy of the project in a folder of its own."""

    folder: Path

    def run(self, *command: str, timeout: float = 1500, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the environment (esr, snakemake, dvc) in the project, as a user would."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def environment(self, **more: str) -> dict[str, str]:
        """What a shell with the activated environment has; this copy's esr comes first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder), "ESR_MIRROR": "off", **more}

    def well(self, *command: str, **environment: str) -> str:
        """Run a command that must succeed; gives its output."""
        done = self.run(*command, timeout=1500, **environment)
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change params.yaml."""
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def weights(self) -> dict[str, bytes]:
        """Every weights file, by its path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.glob("runs/*/*/*/weights.safetensors"))
        }

    def copy(self, folder: Path) -> "Project":
        """Another folder in the same state, times of files included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def commit_all(project: Project) -> None:
    """Make the folder a repository of its own with everything committed."""
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "tiny"],
    ):
        subprocess.run(["git", *command], cwd=project.folder, check=True)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition holds, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def shrink(params: dict[str, Any]) -> None:
    """Make every scale tiny: a few iterations on the stand-in photographs."""
    demo = params["scales"]["demo"]
    demo["training"]["length"] = dict(TINY)
    demo["training"]["batch"] = {"divide": 32, "at_least": 2}
    demo["training"]["teacher"] = {"channels_at_most": 8, "blocks_at_most": 1}
    demo["measuring"] = {"sizes": [[16, 16]], "seconds": 0.1, "narrow": 1.0}
    for row in params["prune"].values():
        row["largest_psnr_loss"] = 99.0  # after so few iterations a round loses or gains a decibel, as chance has it
    params["scales"]["pilot"] = {**demo, "training": {**demo["training"], "validate_every": 100}}


def shorten(params: dict[str, Any]) -> None:
    """Leave out those phases of SlimRLFN that only repeat the one before, and sets that have no images here."""
    phases = params["finetune"]
    for key in [key for key in phases if re.fullmatch(r"slimrlfn-(repeat-2|384-[23]|512-\d)", key)]:
        del phases[key]
    phases["slimrlfn-384-1"]["from"] = "finetune/slimrlfn-repeat-1"
    phases["slimrlfn-640"]["from"] = "finetune/slimrlfn-384-1"
    params["join"]["scored"]["second"] = "challenge-2024"  # without the literature's test sets


def keep_only(params: dict[str, Any], entries: set[str]) -> None:
    """Drop the rows of all other entries, and the sets and sources that nothing uses then."""
    tables = ("import", "teacher", "distill", "train", "finetune", "prune", "fuse", "benchmark")
    for table in tables:
        params[table] = {key: row for key, row in params[table].items() if row["entry"] in entries}
    used = {
        row[column]
        for table in tables
        for row in params[table].values()
        for column in ("data", "validation")
        if column in row
    }
    for key, row in reversed(params["join"].items()):
        used |= {row["first"], row["second"]} if key in used else set()
    for table in ("join", "crop"):
        params[table] = {key: row for key, row in params[table].items() if key in used}
    sources = {row["source"] for row in params["crop"].values()}
    params["download"] = {key: row for key, row in params["download"].items() if key in sources}
    params["entries"] = {key: entry for key, entry in params["entries"].items() if key in entries}
