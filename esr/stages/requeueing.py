"""A job of Slurm whose stage was stopped near the time limit goes back to the queue, as often as it takes.

Slurm itself starts a job again after a node has failed or was preempted, not after a time limit. So the driver has
SIGTERM sent some time before the limit, the stage saves and asks, and the Snakemake of the job requeues it. The stage
cannot do that itself: it may run in a container, where Slurm's commands are missing.
"""

import atexit
import os
import subprocess
import sys
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.files import write_text

WISH = "ESR_REQUEUE"  # environment: the file by which the stage of a job asks
WISHES = Path(".esr/requeue")
REMEDY = "start the run again when this job is over: the stage goes on from what it has saved"
OF_ITSELF = {"RUNNING", "TIMEOUT"}  # states of a job that nobody has cancelled; TIMEOUT: Slurm kills it in seconds


def have_jobs_warned() -> None:
    """In the driver: SIGTERM for its jobs of Slurm a minute before their time limit, and one log of all their tries.

    By the environment of ``sbatch``, because a user's own resources would replace those of a profile.
    """
    os.environ.setdefault("SBATCH_SIGNAL", "TERM@60")
    os.environ.setdefault("SBATCH_OPEN_MODE", "append")


def requeue_when_asked() -> None:
    """In the Snakemake of a job: where that is a job of Slurm, put it back into the queue at the end if asked to."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return
    wish = WISHES / job
    os.environ[WISH] = str(wish)
    atexit.register(_requeue, job, wish)


def ask_for_requeue() -> None:
    """In a stage that was asked to stop and has saved its state."""
    if wish := os.environ.get(WISH):
        write_text(Path(wish), "")


def _requeue(job: str, wish: Path) -> None:
    """Requeue the job unless somebody has cancelled it, which is the same signal to a stage."""
    try:
        wish.unlink()
    except FileNotFoundError:
        return
    try:
        if _state(job) not in OF_ITSELF:
            return
        print(f"esr: near the time limit: job {job} goes back to the queue", file=sys.stderr, flush=True)
        _scontrol("requeue", job)
    except EsrError as error:
        print(f"esr: {error}", file=sys.stderr, flush=True)


def _state(job: str) -> str:
    told = _scontrol("show", "job", "--oneliner", job)
    return next((word.removeprefix("JobState=") for word in told.split() if word.startswith("JobState=")), "")


def _scontrol(*arguments: str) -> str:
    try:
        done = subprocess.run(["scontrol", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise EsrError(f"`scontrol` does not start ({error.strerror}); {REMEDY}") from error
    if done.returncode != 0:
        what = " ".join((done.stderr + done.stdout).split())
        raise EsrError(f"`scontrol {arguments[0]}` fails: {what}; {REMEDY}")
    return done.stdout
