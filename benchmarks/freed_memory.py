"""What a CPU's run time owes to the memory that the C library gives back between the layers of a network.

Fresh processes time SlimRLFN and RLFN in turn. Every second process keeps the memory that it frees, as esr's do::

    python benchmarks/freed_memory.py --record

Told are each process's medians, their ratio, and how many pages a pass fetched from the system (minor faults): zeros
that the system writes for every one of them are part of the time. End other programs first.
"""

import argparse
import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import Any

import torch
from records import write_record
from run_time import RLFN, SLIMRLFN, spread

from esr.common.freed_memory import keep_freed_memory
from esr.evaluation.complexity_table import sides
from esr.timing.clock import on_every_core, random_image, timed

SUBJECTS = (SLIMRLFN, RLFN)


def main() -> None:
    """Measure, print a line per process, and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=10, help="processes of either kind and size")
    parser.add_argument("--passes", type=int, default=15, help="of each network, after three that warm up")
    parser.add_argument(
        "--size", nargs="+", default=["128x128", "256x256"], help="height and width of the image in LR px"
    )
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/DATE-freed-memory.json")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for size in options.size:
        found: dict[str, list[dict[str, Any]]] = {"given back": [], "kept": []}
        for _ in range(options.repeats):
            for how, processes in found.items():
                with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
                    processes.append(process.submit(measure, sides(size), options.passes, how == "kept").result())
                print(f"{size}, {how}: {processes[-1]}", flush=True)
        results[size] = {how: summary(processes) for how, processes in found.items()}
        print({how: results[size][how]["ratio"] for how in found})
    if options.record:
        print(write_record("freed-memory", __doc__ or "", results))


def measure(size: tuple[int, int], passes: int, keep: bool) -> dict[str, Any]:
    """Medians over passes of both networks in turn: milliseconds, and pages fetched."""
    if keep:
        keep_freed_memory()
    image = random_image(*size, torch.device("cpu"))
    runs = {subject.path.stem: timed(subject.load(), image) for subject in SUBJECTS}
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in runs}
    with on_every_core(), torch.inference_mode():
        for _ in range(3 + passes):
            for name, run in runs.items():
                before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
                milliseconds = run()
                pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
                taken[name].append((milliseconds, pages))
    return {
        "ms": {name: round(median(ms for ms, _ in each[3:]), 2) for name, each in taken.items()},
        "pages": {name: median(pages for _, pages in each[3:]) for name, each in taken.items()},
    }


def summary(processes: list[dict[str, Any]]) -> dict[str, Any]:
    """The processes' ratios, their median, and the middle 95 % of them as a part of it."""
    ratios = [each["ms"]["slimrlfn"] / each["ms"]["rlfn"] for each in processes]
    return {
        "ratio": {"median": round(median(ratios), 4), "spread": round(spread(ratios), 4)},
        "processes": processes,
    }


if __name__ == "__main__":
    main()
