"""A large store is hashed once, while it is packed, whichever driver runs it; and again when it was changed."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.small_images import coded_image, write_image
from tests.tiny_project import Project

STORE = "data/demo/sets/div2k/images.store"
RECEIPT = ".esr/receipts/demo/crop/div2k.json"

COUNT_WHAT_IS_HASHED = '''
"""Python imports this first, in every process: each md5 of more than ten million bytes is noted."""
import hashlib
from pathlib import Path

class Counted:
    def __init__(self, md5):
        self.md5, self.taken = md5, 0
    def update(self, data):
        self.taken += memoryview(data).nbytes
        self.md5.update(data)
    def hexdigest(self):
        if self.taken > 1e7:
            with Path(__file__).with_name("hashed.log").open("a") as log:
                log.write(f"{self.taken}\\n")
        return self.md5.hexdigest()
    def __getattr__(self, name):
        return getattr(self.md5, name)

new, md5 = hashlib.new, hashlib.md5
def counted_new(name, *rest, **more):
    return Counted(new(name, *rest, **more)) if name == "md5" else new(name, *rest, **more)
hashlib.new = counted_new
def counted_md5(data=b"", **more):
    counted = Counted(md5(**more))
    counted.update(data)
    return counted
hashlib.md5 = counted_md5
'''


@pytest.fixture
def project(fresh: Project, tmp_path: Path) -> Project:
    """A source of six photographs whose store is just large enough for its hash to be remembered."""
    project = fresh.copy(tmp_path / "esr")
    for number in range(6):
        write_image(project.folder / f"photos/{number}.png", coded_image(number, 1880, 1880, 8))

    def name_the_folder(params: dict[str, Any]) -> None:
        params["scales"]["demo"]["data"] = {"stand_in": False, "only_source": None}
        params["download"]["div2k"] = {"use": "training", "folder": "photos"}

    project.edit(name_the_folder)
    (project.folder / "sitecustomize.py").write_text(COUNT_WHAT_IS_HASHED)
    return project


def hashed(project: Project) -> list[int]:
    """The bytes of every large md5 since this was last asked."""
    log = project.folder / "hashed.log"
    counts = [int(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return counts


def dvc(project: Project, command: str) -> str:
    return project.well("dvc", *command.split())


def look(project: Project) -> Iterator[str]:
    """Everything that asks whether the set is up to date."""
    yield dvc(project, "status crop@div2k")
    yield dvc(project, "repro crop@div2k")
    yield dvc(project, "commit --force crop@div2k")
    yield project.well("esr", "sync")
    yield project.well("snakemake", "-n", STORE)
    yield dvc(project, "status crop@div2k")


def is_right(project: Project, store_bytes: bytes) -> bool:
    """Whether all records hold the store's md5, as the system's own tool computes it."""
    assert (project.folder / STORE).read_bytes() == store_bytes
    told = subprocess.run(["md5sum", project.folder / STORE], capture_output=True, text=True, check=True).stdout
    md5 = told.split()[0]
    receipt = json.loads((project.folder / RECEIPT).read_text())["outs"][STORE]
    return receipt == md5 and md5 in (project.folder / "dvc.lock").read_text()


@pytest.mark.slow
def test_a_store_that_dvc_made_is_hashed_once_and_an_edited_one_anew(project: Project) -> None:
    dvc(project, "repro crop@div2k")
    store = project.folder / STORE
    size = store.stat().st_size
    assert size > 64 * 2**20
    assert hashed(project) == [size]
    *_, last = look(project)
    assert "up to date" in last
    assert hashed(project) == []
    assert is_right(project, store.read_bytes())

    with store.open("rb+") as file:  # a byte of an image, in place: the size stays
        file.seek(5000)
        file.write(b"\xfe")
    assert "modified" in dvc(project, "status crop@div2k")
    assert "crop@div2k: made again" in project.well("esr", "sync")
    assert size in hashed(project)


@pytest.mark.slow
def test_a_store_that_snakemake_made_is_hashed_once_though_snakemake_sets_its_time(project: Project) -> None:
    project.well("snakemake", "--cores", "1", STORE)
    store = project.folder / STORE
    size = store.stat().st_size
    assert hashed(project) == [size]
    *_, last = look(project)
    assert "up to date" in last
    assert hashed(project) == []
    assert is_right(project, store.read_bytes())

    past = time.time() - 1000
    os.utime(store, (past, past))  # nobody knows who did that, and what else
    dvc(project, "status crop@div2k")
    project.well("esr", "sync")
    assert set(hashed(project)) == {size}
