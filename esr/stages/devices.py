"""Which GPU a stage uses, when several stages run on several GPUs.

Snakemake counts GPUs but does not say which one a job may use. So the stage takes a lock per device itself; the
kernel frees it however the stage ends.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from esr.common.lock import at_once

DEVICE_POLL = 0.2  # seconds between two looks for a free device


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, by index or UUID; found without importing torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(index) for index, _ in enumerate(sorted(Path("/dev").glob("nvidia[0-9]*")))]


@contextmanager
def own_gpus(wanted: int) -> Iterator[list[str]]:
    """Hold ``wanted`` GPUs that no other stage holds, as the only ones that CUDA will show this process.

    Waits until enough are free at once: two stages that each hold a part could wait for each other for ever.
    Takes as many as there are where fewer are visible, none on a machine without.
    """
    gpus = visible_gpus()
    count = min(wanted, len(gpus))
    with _hold(gpus, count) as mine:
        if gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        yield mine


@contextmanager
def _hold(gpus: list[str], count: int) -> Iterator[list[str]]:
    while True:
        with ExitStack() as held:
            mine = _take_free(held, gpus, count)
            if len(mine) == count:
                yield mine
                return
        time.sleep(DEVICE_POLL * random.uniform(0.5, 1.5))


def _take_free(held: ExitStack, gpus: list[str], count: int) -> list[str]:
    taken: list[str] = []
    for gpu in gpus:
        if len(taken) == count:
            break
        if held.enter_context(at_once(_lock_of(gpu), mode=0o666)):
            taken.append(gpu)
    return taken


def _lock_of(gpu: str) -> Path:
    """The lock of a GPU: of all projects on the machine, because the GPUs are.

    A job of Slurm has locks of its own. Slurm gives a GPU to one job, and may number each job's GPUs from 0.
    """
    job = os.environ.get("SLURM_JOB_ID")
    return Path(tempfile.gettempdir(), f"esr-gpu-{f'{job}-' if job else ''}{gpu}.lock")
