"""Tiny pipelines, each run once through Snakemake, which the tests copy and go on from; and the command line."""

import copy
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from esr import cli
from esr.common import yaml_file
from esr.stages import source_code
from tests.tiny_project import Project, cloned, commit_all, keep_only, shorten, shrink

Call = Callable[..., tuple[int, str, str]]

# Two workers, and what they start, share two cores: several threads each would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

WHOLE_PROJECTS = {
    *("everything", "fresh", "made", "working", "untouched"),
    *("fresh_rlfn", "made_rlfn", "working_rlfn", "with_sets"),
}


def pytest_configure() -> None:
    """Have equal texts parsed once: hundreds of tests read params.yaml, or all of esr for what a stage depends on."""
    parsed, patch = lru_cache(maxsize=8)(yaml_file._parse), pytest.MonkeyPatch()
    patch.setattr(yaml_file, "_parse", lambda path, text: copy.deepcopy(parsed(path, text)))
    patch.setattr(source_code, "_parsed", lru_cache(maxsize=1000)(source_code._parsed))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a whole project, which takes minutes to make, and let one of two workers begin with that.

    The other one, which begins with the first half, would wait for the project to be made. What needs a GPU is skipped
    where there is none.
    """
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))
        if isinstance(item, pytest.Function) and WHOLE_PROJECTS & set(item.fixturenames):
            item.add_marker("project")
    with_project = [item for item in items if item.get_closest_marker("project")]
    others = [item for item in items if not item.get_closest_marker("project")]
    half = min(len(items) // 2, len(others))
    items[:] = [*others[:half], *with_project, *others[half:]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run ``esr ARGUMENTS...`` in this process; gives exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["esr", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project as a clone has it, made tiny, with all entries; nothing has run."""
    project = Project(cloned(tmp_path_factory.mktemp("everything") / "esr", without=("released/",)))
    project.edit(shrink)
    commit_all(project)
    return project


@pytest.fixture(scope="session")
def fresh(everything: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same with one entry and the baseline, which have every kind of stage between them, and few phases."""
    project = everything.copy(tmp_path_factory.mktemp("fresh") / "esr")
    project.edit(shorten)
    project.edit(lambda params: keep_only(params, {"slimrlfn", "rlfn"}))
    commit_all(project)
    return project


@pytest.fixture(scope="session")
def fresh_rlfn(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The same with the baseline alone: a graph of half the stages, in which nothing is distilled or pruned."""
    project = fresh.copy(tmp_path_factory.mktemp("fresh-rlfn") / "esr")
    project.edit(lambda params: keep_only(params, {"rlfn"}))
    commit_all(project)
    return project


def run_once(fresh: Project, name: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project after `snakemake --cores all`, made once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder, done = shared / name / "esr", shared / f"{name}.finished"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            fresh.copy(folder).well("snakemake", "--cores", "all")
            done.touch()
    return Project(folder)


@pytest.fixture(scope="session")
def made(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project, finished. Two minutes of two cores: for slow tests. Do not change it: copy it."""
    return run_once(fresh, "made", tmp_path_factory)


@pytest.fixture(scope="session")
def made_rlfn(fresh_rlfn: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project of the baseline alone, finished in a minute. Do not change it: copy it."""
    return run_once(fresh_rlfn, "made-rlfn", tmp_path_factory)


@pytest.fixture(scope="session")
def with_sets(fresh: Project, made_rlfn: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny project with the baseline's sets, before anything has trained. Do not change it: copy it."""
    project = made_rlfn.copy(tmp_path_factory.mktemp("sets") / "esr")
    for folder in ("runs/demo", "logs"):
        shutil.rmtree(project.folder / folder)
    shutil.copy(fresh.folder / "params.yaml", project.folder)
    return project


@pytest.fixture
def working(made: Project, tmp_path: Path) -> Project:
    """A copy of the finished tiny project, to do with as a test likes. For slow tests."""
    return made.copy(tmp_path / "esr")


@pytest.fixture
def working_rlfn(made_rlfn: Project, tmp_path: Path) -> Project:
    """A copy of the finished tiny project of the baseline alone, to do with as a test likes."""
    return made_rlfn.copy(tmp_path / "esr")


@pytest.fixture
def untouched(fresh: Project, tmp_path: Path) -> Project:
    """A copy of the tiny project in which nothing has run."""
    return fresh.copy(tmp_path / "esr")
