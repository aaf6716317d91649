"""Damage to a finished project: each is noticed and named, or mended by itself, and nothing is made of it."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from fault_disks import SAME, full_disk, full_disk_for_an_import, one_of_each_kind, read_only_data, told
from fault_pipeline import MAKE_RUN, Pipeline, results

from tests.data.file_server import FileServer
from tests.tiny_project import Project, wait_for

Damage = Callable[[Project], None]
Case = Callable[[], dict[str, Any]]
RLFN_2 = "runs/demo/finetune/rlfn-2/weights.safetensors"
STORE = "data/demo/sets/div2k/images.store"
FLIPPED = {
    "a packed store": STORE,
    "a manifest": "data/demo/sets/div2k/manifest.json",
    "a weights file": RLFN_2,
    "a number of a benchmark": "runs/demo/benchmark/rlfn/metrics.json",
    "dvc.lock": "dvc.lock",
    "a receipt": ".esr/receipts/demo/finetune/rlfn-2.json",
}
JOURNAL = ".esr/journal/demo/finetune/rlfn-2/*/events.jsonl"
HOUR = 3600
TRAIN = ("esr", "finetune", "rlfn-2")
CHECKPOINT = ".esr/checkpoints/demo/finetune/rlfn-2/*/latest.ckpt"
# `esr download div2k`, by a client that waits three seconds for a byte instead of sixty.
IMPATIENT = """
import sys
import urllib3
import esr.cli
from esr.sources import transfer
transfer._TIMEOUT = urllib3.Timeout(connect=20, read=3)
sys.argv = ["esr", "download", "div2k"]
esr.cli.main()
"""


def damages(pipeline: Pipeline, only: list[str]) -> Iterator[dict[str, Any]]:
    """Do each damage to a copy of the finished project; gives what was seen, one after the other.

    Args:
        only: those damages in whose name one of these words is; none: all.
    """
    for name, case in _cases(pipeline).items():
        if not only or any(word in name for word in only):
            yield {"damage": name, "of the code": pipeline.code} | _seen(case)


def _seen(case: Case) -> dict[str, Any]:
    """What was seen; where the case itself failed, that, and the next one is done all the same."""
    try:
        return case()
    except Exception:
        return {"could not be looked at": traceback.format_exc().splitlines()[-8:]}


def _cases(pipeline: Pipeline) -> dict[str, Case]:
    """What does a damage and gives what was seen, by its name."""
    damages: dict[str, Damage] = {f"a byte flipped in {name}": _flipping(pattern) for name, pattern in FLIPPED.items()}
    damages |= {"the clock set back by an hour": _from_the_future, "receipts deleted": _without(".esr/receipts")}
    damages |= {".esr deleted": _without(".esr"), ".snakemake deleted": _without(".snakemake")}
    cases: dict[str, Case] = {name: partial(_damaged, pipeline, damage) for name, damage in damages.items()}
    cases["a byte flipped in a checkpoint"] = partial(_flipped_checkpoint, pipeline)
    cases["a byte flipped in a journal"] = partial(_flipped_journal, pipeline)
    cases["a byte flipped in mlflow.db"] = partial(_flipped_database, pipeline)
    cases["a download that hangs"] = partial(_hanging_download, pipeline)
    cases["two `make run` at once"] = partial(_two_people, pipeline, MAKE_RUN)
    cases["`make run` and `snakemake` at once"] = partial(_two_people, pipeline, ("snakemake", "--cores", "all"))
    cases["data is read-only, and nothing is to be done"] = partial(read_only_data, pipeline, None)
    cases["data is read-only, and a store is gone"] = partial(read_only_data, pipeline, STORE)
    for name in one_of_each_kind(pipeline.finished):
        cases[f"the disk is full for {name}"] = partial(full_disk, pipeline, name)
    cases.setdefault("the disk is full for import@rlfn", partial(full_disk_for_an_import, pipeline))
    return cases


def _damaged(pipeline: Pipeline, damage: Damage) -> dict[str, Any]:
    project = pipeline.finished_again("damaged")
    damage(project)
    return _gone_on_with(project, pipeline)


def _gone_on_with(project: Project, pipeline: Pipeline) -> dict[str, Any]:
    """What `make run` says, and whether all is as it was in the end."""
    done = project.run(*MAKE_RUN)
    said = [line for line in (done.stdout + done.stderr).splitlines() if _is_told(line)]
    ended = project.run("snakemake", "-n")
    return {
        "make run": done.returncode,
        "said": said[:6],
        SAME: results(project) == pipeline.made,
        "nothing left to do": "Nothing to be done" in ended.stdout + ended.stderr,
    }


def _is_told(line: str) -> bool:
    words = ("brought back", "made again", "Made again", "written anew", "esr: ", "up to date", ": done in")
    return any(word in line for word in words)


def _flip(path: Path, place: int | None = None) -> None:
    """Change a bit of one byte: the one at ``place``, or any, the same one each time."""
    content = bytearray(path.read_bytes())
    content[random.Random(path.name).randrange(len(content)) if place is None else place] ^= 1
    path.write_bytes(content)


def _flipping(pattern: str) -> Damage:
    return lambda project: _flip(min(project.folder.glob(pattern)))


def _without(name: str) -> Damage:
    return lambda project: shutil.rmtree(project.folder / name)


def _from_the_future(project: Project) -> None:
    later = time.time() + HOUR
    for folder in ("runs", "data", "reports"):
        for path in (project.folder / folder).rglob("*"):
            if path.is_file():
                os.utime(path, (later, later))


def _flipped_checkpoint(pipeline: Pipeline) -> dict[str, Any]:
    """A fine-tune that was stopped on its way goes on from the state before; its weights are the undisturbed ones."""
    project = pipeline.finished_again("checkpoint")
    project.edit(lambda params: params["scales"]["demo"]["training"]["length"].update(later=100))
    undisturbed = project.copy(project.folder.with_name("checkpoint-undisturbed"))
    undisturbed.well(*TRAIN)
    running = subprocess.Popen([sys.executable, "-m", *TRAIN], cwd=project.folder, env=project.environment())
    wait_for(lambda: bool(list(project.folder.glob(CHECKPOINT))), 600)
    running.send_signal(signal.SIGTERM)
    stopped = running.wait()
    for path in project.folder.glob(CHECKPOINT):
        _flip(path)
    done = project.run(*TRAIN)
    log = (project.folder / "logs/demo/finetune/rlfn-2.log").read_text()
    same = project.weights()[RLFN_2] == undisturbed.weights()[RLFN_2]
    seen = {
        "stopped with": stopped,
        "code": done.returncode,
        "said": [line for line in log.splitlines() if "goes on" in line or "begins anew" in line],
        SAME: same,
    }
    for each in (project, undisturbed):
        shutil.rmtree(each.folder)
    return seen


def _flipped_journal(pipeline: Pipeline) -> dict[str, Any]:
    """Of what MLflow is told, a line is damaged; the stages do not need it."""
    project = pipeline.finished_again("journal")
    _flipping(JOURNAL)(project)
    sent = project.run("esr", "track")
    return {"esr track": sent.returncode, "it said": told(sent)["said"]} | _gone_on_with(project, pipeline)


def _flipped_database(pipeline: Pipeline) -> dict[str, Any]:
    """MLflow's file is damaged at its beginning, where SQLite looks first; the stages do not need it."""
    project = pipeline.finished_again("database")
    project.well("esr", "track")
    _flip(project.folder / "mlflow.db", 3)
    sent = project.run("esr", "track")
    return {"esr track": sent.returncode, "it said": told(sent)["said"]} | _gone_on_with(project, pipeline)


def _hanging_download(pipeline: Pipeline) -> dict[str, Any]:
    """The server takes the request and says nothing."""
    project = pipeline.finished_again("hanging")
    with closing(FileServer()) as server:
        server.files["/DIV2K_train_HR.zip"] = b"never sent"
        server.faults["/DIV2K_train_HR.zip"] = [("silent", None)] * 99
        archive = {"url": server.url("/DIV2K_train_HR.zip")}
        project.edit(lambda params: params["scales"]["demo"]["data"].update(stand_in=False))
        project.edit(lambda params: params["download"]["div2k"].update(archives=[archive]))
        command = [sys.executable, "-c", IMPATIENT]
        done = subprocess.run(
            command, cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False
        )
        return {"code": done.returncode, "asked": len(server.requests), **told(done)}


def _two_people(pipeline: Pipeline, second: tuple[str, ...]) -> dict[str, Any]:
    """One output is gone, and two people type a command at once."""
    project = pipeline.finished_again("two")
    (project.folder / RLFN_2).unlink()
    words = [project.folder.with_name(f"person-{number}.txt") for number in (1, 2)]
    both = [_typed(project, command, said) for command, said in zip((MAKE_RUN, second), words, strict=True)]
    codes = [process.wait() for process in both]
    last = [said.read_text().strip().splitlines()[-1:] for said in words]
    return {"codes": codes, "last lines": last} | _gone_on_with(project, pipeline)


def _typed(project: Project, command: tuple[str, ...], said: Path) -> "subprocess.Popen[str]":
    with said.open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=project.folder,
            env=project.environment(),
            stdout=out,
            stderr=out,
            text=True,
        )
