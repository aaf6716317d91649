"""A pipeline to be killed or damaged: laid out once, run undisturbed once, and kept between the sittings."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from esr.common.yaml_file import read_yaml  # noqa: E402
from esr.recipes.kinds import KINDS  # noqa: E402
from tests.tiny_project import Project, cloned, commit_all, keep_only, shorten, shrink  # noqa: E402

MAKE_RUN, DVC_REPRO = ("esr", "run"), ("dvc", "repro")
DAY = 86400  # seconds


@dataclass(frozen=True)
class Pipeline:
    """A project in which nothing has run, and what an undisturbed run makes of it.

    Attributes:
        fresh: the project; to be copied.
        place: a folder for the copies.
        made: the bytes of each weights file, curve and manifest of the undisturbed run, by path.
        finished: the project of that run.
        code: the first digits of git's name for what ``fresh`` holds.
        command: what a user types, without ``python -m``.
        environment: what is set for it besides.
    """

    fresh: Project
    place: Path
    made: dict[str, bytes]
    finished: Project
    code: str
    command: tuple[str, ...] = MAKE_RUN
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def prepared(cls, place: Path, demo: bool, undisturbed: Path | None) -> "Pipeline":
        """Lay the project out in ``place``, and run it undisturbed; what a former sitting has done is used.

        Args:
            demo: the demo as it stands, in place of the tiny pipeline.
            undisturbed: a project of the same rows and code that ran undisturbed elsewhere.
        """
        place.mkdir(parents=True, exist_ok=True)
        code = _laid_out(place, demo)
        fresh = Project(place / "fresh")
        finished = Project(undisturbed) if undisturbed else _run_once(fresh, place / "undisturbed")
        if read_yaml(finished.folder / "params.yaml") != read_yaml(fresh.folder / "params.yaml"):
            raise SystemExit(f"{finished.folder} has another params.yaml than {fresh.folder}")
        return cls(fresh, place, results(finished), finished, code)

    def edited(self) -> "Pipeline":
        """What is left to do of the finished project when a row was edited, and what becomes of it undisturbed."""
        fresh = Project(self.place / "edited")
        if not fresh.folder.exists():
            part = self.place / "edited.part"
            shutil.rmtree(part, ignore_errors=True)
            laid = self.finished.copy(part)
            laid.edit(lambda params: params["finetune"]["rlfn-2"].update(learning_rate=3.0e-4))
            laid.folder.rename(fresh.folder)
        finished = _run_once(fresh, self.place / "edited-undisturbed")
        return Pipeline(fresh, self.place, results(finished), finished, self.code)

    def copy(self, name: str) -> Project:
        """A new copy of the project in which nothing has run; one of that name that is there already is taken."""
        folder = self.place / name
        if not folder.exists():
            part = self.place / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            self.fresh.copy(part).folder.rename(folder)
        return Project(folder)

    def finished_again(self, name: str) -> Project:
        """A new copy of the finished project; what a former sitting left under that name goes."""
        shutil.rmtree(self.place / name, ignore_errors=True)
        return self.finished.copy(self.place / name)


def _laid_out(place: Path, demo: bool) -> str:
    """Make ``fresh`` what this clone has now; what was made of former code goes. Gives the code's name."""
    new = place / "new"
    shutil.rmtree(new, ignore_errors=True)
    project = Project(cloned(new, without=("released/",)))
    if not demo:
        project.edit(shrink)
        project.edit(shorten)
        project.edit(lambda params: keep_only(params, {"slimrlfn", "rlfn"}))
    commit_all(project)
    code = _tree(new)
    if (place / "fresh").exists() and _tree(place / "fresh") == code:
        shutil.rmtree(new)
        return code
    former = [place / name for name in ("fresh", "undisturbed", "edited", "edited-undisturbed")]
    for folder in (*former, *place.glob("kills*/killed")):
        shutil.rmtree(folder, ignore_errors=True)
    new.rename(place / "fresh")
    return code


def _tree(folder: Path) -> str:
    asked = ["git", "rev-parse", "--short=10", "HEAD^{tree}"]
    return subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def _run_once(fresh: Project, folder: Path) -> Project:
    """The project after an undisturbed run, which one sitting does for all."""
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        project = fresh.copy(part)
        try:
            done = project.run(*MAKE_RUN, timeout=DAY)
        finally:
            kill_all_in(project)
        if done.returncode:
            raise SystemExit(f"undisturbed, `make run` ended with {done.returncode}: {done.stderr[-2000:]}")
        part.rename(folder)
    return Project(folder)


def results(project: Project) -> dict[str, bytes]:
    """What is the same bytes in every run: weights, curves, the sets' manifests."""
    patterns = ("runs/*/*/*/weights.safetensors", "runs/*/*/*/curve.csv", "data/*/sets/*/manifest.json")
    files = [path for pattern in patterns for path in sorted(project.folder.glob(pattern))]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


def processes_in(project: Project) -> list[psutil.Process]:
    """All processes whose current folder is the project's."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == str(project.folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_all_in(project: Project) -> None:
    """Leave nothing at work in the project."""
    for process in processes_in(project):
        with suppress(psutil.Error):
            process.kill()


def name_of(process: psutil.Process) -> str:
    """What a process is: ``stage KIND@KEY``, ``snakemake``, ``dvc``, ``make run``, or nothing of these."""
    with suppress(psutil.Error, IndexError):
        command = process.cmdline()
        if command[1:3] == ["-m", "esr"] and command[3] in KINDS:
            return f"stage {'@'.join(command[3:5])}"
        if command[1:4] == ["-m", "esr", "run"]:
            return "make run"
        if command[1] == "-m" and command[2] in ("snakemake", "dvc"):
            return str(command[2])
    return ""


def files_of(project: Project) -> Iterator[Path]:
    """All files that stages write."""
    for folder in ("data", "runs", "reports"):
        yield from (path for path in (project.folder / folder).rglob("*") if path.is_file())
