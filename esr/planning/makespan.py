"""How long stages take side by side: a scheduler that starts whatever can start, as Snakemake does."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A stage, for the scheduler.

    Attributes:
        name: the stage.
        seconds: how long it takes.
        threads: cores that it holds.
        gpus: GPUs that it holds.
        needs: names of the stages that come before it.
    """

    name: str
    seconds: float
    threads: int
    gpus: int
    needs: Sequence[str]


def makespan(jobs: Mapping[str, Job], cores: int, gpus: int) -> float:
    """Seconds until the last of ``jobs`` (by their names, in an order in which they could run) has ended.

    A job that asks for more than there is gets all there is; needs that are not among the jobs are met already.
    """
    free_cores, free_gpus, now = cores, gpus, 0.0
    waiting = list(jobs.values())
    running: list[tuple[float, str]] = []
    done: set[str] = set()
    while waiting or running:
        for job in list(waiting):
            threads, devices = min(job.threads, cores), min(job.gpus, gpus)
            ready = all(name in done or name not in jobs for name in job.needs)
            if ready and threads <= free_cores and devices <= free_gpus:
                free_cores, free_gpus = free_cores - threads, free_gpus - devices
                heapq.heappush(running, (now + job.seconds, job.name))
                waiting.remove(job)
        now, name = heapq.heappop(running)
        ended = jobs[name]
        free_cores, free_gpus = free_cores + min(ended.threads, cores), free_gpus + min(ended.gpus, gpus)
        done.add(name)
    return now
