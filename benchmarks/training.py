"""Images per second of whole training loops: ours, BasicSR's, and ours with the branches run one by one.

    python benchmarks/training.py --basicsr ../BasicSR    # needs opencv-python-headless, lmdb, tqdm beside esr
    python benchmarks/training.py --part composed         # composed kernels against branch by branch
    python benchmarks/training.py --part engine           # what each setting of `engine.cpu` is worth

Everything runs on the same photographs, network, batch, patch, loss (L1), optimiser (Adam) and EMA, in fp32, each run
in a process of its own. Rounds alternate, so that a machine that is busy or throttles hurts all alike; the ratio is
the median of the rounds' ratios. On a GPU ours runs as the table ``engine`` of params.yaml says; what its settings are
worth there is a part of benchmarks/gpu.py.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import basicsr_tools
import engine_variants
import torch
from basicsr_training import basicsr
from convolution_peak import convolution_peak
from photographs import make_photographs
from records import write_record
from timed_training import Task, crops_of, ours, packed
from torch.utils.flop_counter import FlopCounterMode

from esr.common.yaml_file import read_yaml
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.graph import PARAMS_FILE
from esr.training.engine import Engine

CORES = len(os.sched_getaffinity(0))
WORKERS = min(6, CORES)  # of BasicSR's loader; its configuration has 6
GPU = torch.cuda.is_available()
SIZES = ["16x256", "64x256", "16x640", "64x640"]
COMPOSED = (100, 25) if GPU else (6, 2)  # timed iterations and those before, batch 16, HR 256


def tasks(sizes: list[str]) -> list[Task]:
    """SlimRLFN in both forms at sizes such as ``64x256`` (batch x HR patch)."""
    found = []
    for size in sizes:
        batch, patch = map(int, size.split("x"))
        work = batch * patch**2 / (16 * 256**2)  # a batch of 16 at HR 256 is a second on a CPU, 10 ms on a GPU
        warm_up = max(1, round((50 if GPU else 2) / work**0.8))
        found += [Task(f"SlimRLFN {form}", batch, patch, 4 * warm_up, warm_up) for form in ("training", "deploy")]
    return found


def start_engine() -> Engine:
    """The engine of params.yaml, with this process set up for it."""
    settings = EngineSettings.model_validate(read_yaml(PARAMS_FILE)["engine"])
    engine = Engine(settings, torch.device("cuda" if GPU else "cpu"))
    engine.set_up_process()
    return engine


def run_ours(task: Task, folder: Path) -> float:
    """Our loop, as a stage would run it."""
    engine = start_engine()
    return ours(task, engine, crops_of(packed(folder), task, engine.device))


def run_theirs(task: Task, folder: Path, checkout: Path) -> float:
    """BasicSR's loop, on sub-images of 480 px where the patch is smaller, as its documentation wants."""
    place = folder / "sub" if task.patch < basicsr_tools.SUB_IMAGES["hr"][0] else folder
    return basicsr(task, checkout, place / "hr", place / "lr", WORKERS)["images_per_s"]


def prepare(folder: Path, images: int, checkout: Path | None) -> None:
    """The photographs, our packed set and BasicSR's sub-images."""
    folder.mkdir(parents=True, exist_ok=True)
    make_photographs(folder, images)
    packed(folder)
    if checkout and not (folder / "sub/lr").exists():
        basicsr_tools.enter(checkout)
        basicsr_tools.extract_sub_images(folder, folder / "sub", CORES)


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_fork_workers) as pool:
        return pool.submit(function, *arguments).result()


def _fork_workers() -> None:
    """Let the new process fork its own workers, BasicSR's, as a process of the command line would."""
    multiprocessing.set_start_method("fork", force=True)


def alternate(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Any]:
    """Images per second of each way, in alternating rounds; the first is held against the others."""
    runs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            runs[way].append(run())
    first, *others = runs
    ratios = {way: [a / b for a, b in zip(runs[first], runs[way], strict=True)] for way in others}
    return {
        "images_per_s": {way: round(statistics.median(found), 2) for way, found in runs.items()},
        "ratio": {f"{first} / {way}": round(statistics.median(found), 2) for way, found in ratios.items()},
        "rounds": {way: [round(value, 2) for value in found] for way, found in runs.items()},
    }


def peak_here() -> float:
    """FLOP/s of the convolution, as the engine of params.yaml sets a process up."""
    return convolution_peak(start_engine().device)


def operations(task: Task) -> float:
    """FLOP of forward and backward per image, of the deploy form: what the training form's convolutions do too."""
    network = Task(f"{task.network.split()[0]} deploy", 1, task.patch, 1).build()
    with FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 3, task.patch // 4, task.patch // 4)).mean().backward()
    return float(counter.get_total_flops())


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Our loop against BasicSR's, and against what the machine's convolution can do."""
    alone(prepare, given.folder, given.images, given.basicsr)
    peak = alone(peak_here)
    results: dict[str, Any] = {"convolution_peak_gflops": round(peak / 1e9, 1)}
    for task in tasks(given.sizes):
        ways = {"ours": partial(alone, run_ours, task, given.folder)}
        if given.basicsr:
            ways["BasicSR"] = partial(alone, run_theirs, task, given.folder, given.basicsr)
        found = alternate(ways, given.rounds)
        found["share_of_convolution_peak"] = round(found["images_per_s"]["ours"] * operations(task) / peak, 3)
        results[str(task)] = found
        print(task, found["images_per_s"], found["ratio"], found["share_of_convolution_peak"], flush=True)
    return results


def compare_composed(given: argparse.Namespace) -> dict[str, Any]:
    """Training through composed kernels against training branch by branch: in our loop, and in BasicSR's, as usual."""
    alone(prepare, given.folder, given.images, given.basicsr)
    results: dict[str, Any] = {}
    for network in ("R2Net", "SlimRLFN"):
        tasks_of = {form: Task(f"{network} {form}", 16, 256, *COMPOSED) for form in ("training", "branches")}
        ways = {form: partial(alone, run_ours, task, given.folder) for form, task in tasks_of.items()}
        if given.basicsr:
            ways["branches in BasicSR's loop"] = partial(
                alone, run_theirs, tasks_of["branches"], given.folder, given.basicsr
            )
        results[f"{network}, batch 16, HR 256"] = found = alternate(ways, given.rounds)
        print(network, found["images_per_s"], found["ratio"], flush=True)
    return results


def compare_settings(given: argparse.Namespace) -> dict[str, Any]:
    """What each setting is worth on a CPU, and what it costs to start with it."""
    results: dict[str, Any] = {}
    for task in engine_variants.CPU_TASKS:
        ways = {
            name: partial(alone, engine_variants.speed_of, task, name, given.folder) for name in engine_variants.ON_CPU
        }
        results[str(task)] = found = alternate(ways, given.rounds)
        found["seconds_of_two_iterations"] = {
            name: round(alone(engine_variants.seconds_to_start, task, name, given.folder), 1) for name in ways
        }
        print(task, found["images_per_s"], found["ratio"], found["seconds_of_two_iterations"], flush=True)
    return results


def main() -> None:
    """Measure, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["loops", "composed", "engine"], default="loops")
    parser.add_argument("--basicsr", type=Path, help="checkout of BasicSR")
    parser.add_argument("--sizes", nargs="*", default=SIZES, help="batch x HR patch")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=CORES, help="CPU threads of either side, beside data workers")
    parser.add_argument("--note", default="", help="what the record must say of the machine")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "esr-benchmark-training")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # of the processes that are started from here
    where = "gpu" if GPU else "cpu"
    if given.part == "engine":
        alone(prepare, given.folder, given.images, None)
        if GPU:
            parser.error("--part engine is of a CPU; python benchmarks/gpu.py --part fast measures a GPU's settings")
        results, name, what = compare_settings(given), f"training-engine-{where}", engine_variants.__doc__ or ""
    elif given.part == "composed":
        results, name, what = compare_composed(given), f"training-composed-{where}", compare_composed.__doc__ or ""
    else:
        results, name, what = compare(given), f"training-loops-{where}", __doc__
    print(write_record(name, f"{what}\n{given.note}".strip(), results))


if __name__ == "__main__":
    main()
