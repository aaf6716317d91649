"""Which jobs of Slurm go back to the queue; `scontrol` is a stand-in that writes down what it is asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from esr.stages.requeueing import WISH, ask_for_requeue, requeue_when_asked
from tests.tiny_project import ROOT

SCONTROL = """\
#!/bin/sh
echo "$@" >> {asked}
[ "$1" = show ] && echo "JobId=17 JobName=x JobState={state} Reason=None"
exit {code}
"""


class Job:
    """A job of Slurm with number 17, in which the Snakefile has been read."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        at_exit: list[tuple[object, ...]] = []
        monkeypatch.chdir(folder)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        monkeypatch.setenv("SLURM_JOB_ID", "17")
        monkeypatch.setenv(WISH, "")  # so that it is taken back after the test
        monkeypatch.setattr("atexit.register", lambda *call: at_exit.append(call))
        self.slurm_says("RUNNING")
        requeue_when_asked()
        self._at_exit = at_exit

    def slurm_says(self, state: str, code: int = 0) -> None:
        program = self.folder / "scontrol"
        program.write_text(SCONTROL.format(asked=self.folder / "asked", state=state, code=code))
        program.chmod(0o755)

    def end(self) -> list[str]:
        """Let the job's Snakemake end; gives what Slurm was asked."""
        for function, *arguments in self._at_exit:
            assert callable(function)
            function(*arguments)
        asked = self.folder / "asked"
        return asked.read_text().splitlines() if asked.exists() else []


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(tmp_path, monkeypatch)


@pytest.mark.parametrize("state", ["RUNNING", "TIMEOUT"])
def test_a_job_whose_stage_has_saved_near_the_limit_goes_back_once(job: Job, state: str) -> None:
    ask_for_requeue()
    job.slurm_says(state)
    asked = ["show job --oneliner 17", "requeue 17"]
    assert job.end() == asked
    assert job.end() == asked  # the job's other Snakemake ends as well


def test_a_job_whose_stage_ended_otherwise_does_not(job: Job) -> None:
    assert job.end() == []


def test_a_cancelled_job_does_not_come_back(job: Job) -> None:
    ask_for_requeue()
    job.slurm_says("CANCELLED")
    assert job.end() == ["show job --oneliner 17"]


def test_what_slurm_refuses_is_told_in_one_line(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    ask_for_requeue()
    job.slurm_says("RUNNING", code=1)
    job.end()
    assert capsys.readouterr().err.count("\n") == 1


def test_a_machine_without_scontrol_is_told_in_one_line(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    ask_for_requeue()
    (job.folder / "scontrol").unlink()
    job.monkeypatch.setenv("PATH", str(job.folder))
    job.end()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("esr: `scontrol` does not start (No such file or directory); start the run again")


def test_outside_slurm_nothing_is_asked_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv(WISH, raising=False)
    monkeypatch.setattr("atexit.register", lambda *call: pytest.fail("something is to be done at the end"))
    requeue_when_asked()
    ask_for_requeue()
    assert list(tmp_path.iterdir()) == []


def test_a_driver_that_a_shell_started_in_the_background_can_be_asked_to_cancel_its_jobs() -> None:
    """Such a shell has Ctrl-C ignored, and `esr run` asks its Snakemake by that signal."""
    code = "import signal; from esr.stages.snakemake_record import end_with_the_terminal; end_with_the_terminal();"
    code += "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    shell = f"trap '' INT; exec {sys.executable} -c '{code}'"
    environment = {**os.environ, "ESR_SYNCING": "1", "PYTHONPATH": str(ROOT)}
    assert subprocess.run(["bash", "-c", shell], env=environment, check=False).returncode == 0
