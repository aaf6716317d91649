"""Whether SlimRLFN's run time over RLFN's differs from process to process, or from minute to minute.

Several processes live at the same time, one of them at work. They take turns, each with some rounds of both networks::

    python benchmarks/sessions_in_turn.py --record

Where the processes' ratios lie close together, and those of one process far apart, it is the machine that changes in
the meantime, and no care within a process helps: only measuring at several times does. End other programs first.
"""

import argparse
import multiprocessing
from contextlib import ExitStack
from multiprocessing.connection import Connection
from statistics import median, stdev
from typing import Any

import torch
from records import write_record
from run_time import RLFN, SLIMRLFN

from esr.common.freed_memory import keep_freed_memory
from esr.evaluation.complexity_table import sides
from esr.timing.clock import on_every_core, random_image, timed
from esr.timing.rounds import WARMUP_SECONDS, ratio, take_turns, warm_up

Size = tuple[int, int]


def main() -> None:
    """Measure, print a line per turn and the answers, and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--turns", type=int, default=10, help="of each process")
    parser.add_argument("--seconds", type=float, default=4, help="of a turn's rounds")
    parser.add_argument("--size", default="128x128", help="height and width of the image in LR px")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/DATE-sessions-in-turn.json")
    options = parser.parse_args()
    ratios = measure(options.processes, options.turns, sides(options.size), options.seconds)
    answers = answer(ratios)
    print(answers)
    if options.record:
        print(write_record("sessions-in-turn", __doc__ or "", {"answers": answers, "ratios by turn": ratios}))


def measure(processes: int, turns: int, size: Size, seconds: float) -> list[list[float]]:
    """The ratio of every process in every turn: a list per turn."""
    context, found = multiprocessing.get_context("spawn"), []
    with ExitStack() as ended:
        ends = []
        for _ in range(processes):
            here, there = context.Pipe()
            process = context.Process(target=take_part, args=(there, size), daemon=True)
            process.start()
            ended.callback(process.terminate)
            here.recv()  # it is warm: the next one starts on a quiet machine
            ends.append(here)
        for _ in range(turns):
            found.append([_asked(end, seconds) for end in ends])
            print(" ".join(f"{each:.3f}" for each in found[-1]), flush=True)
    return found


def _asked(end: Connection, seconds: float) -> float:
    end.send(seconds)
    return float(end.recv())


def take_part(end: Connection, size: Size) -> None:
    """A process: it warms up, says so, and then answers each number of seconds with the ratio of its rounds."""
    keep_freed_memory()
    image = random_image(*size, torch.device("cpu"))
    runs = [timed(subject.load(), image) for subject in (SLIMRLFN, RLFN)]
    with on_every_core(), torch.inference_mode():
        warm_up(runs, WARMUP_SECONDS)
        end.send(None)
        while True:
            seconds = end.recv()
            for run in runs:  # the others have had the caches meanwhile
                run()
            end.send(ratio(take_turns(runs, 1, seconds, narrow=0.0), 0, 1).value)


def answer(ratios: list[list[float]]) -> dict[str, Any]:
    """Each process's median, and how far its turns and the processes lie apart (standard deviations)."""
    of_processes = list(zip(*ratios, strict=True))
    medians = [median(each) for each in of_processes]
    return {
        "processes' medians": [round(each, 4) for each in medians],
        "deviation of the processes' medians": round(stdev(medians), 4),
        "deviation of one process's turns": round(median(map(stdev, of_processes)), 4),
    }


if __name__ == "__main__":
    main()
