"""What patch, batch, rate, average, loss, a teacher and composed kernels are worth to SlimRLFN in a short training.

In the folder of a clone whose scale is `laptop`, after
``snakemake --cores all runs/laptop/teacher/slimrlfn-teacher/weights.safetensors
data/laptop/sets/{set5,set14,bsd100}/manifest.json``::

    python benchmarks/laptop_trials.py                               # all of them
    python benchmarks/laptop_trials.py 16x128 plain --seeds 0 1 2    # some, with several first weights and crops
    python benchmarks/laptop_trials.py --at-once 2                   # side by side, a core each

Every trial of a seed trains the same first weights on as many pixels of HR (800 iterations of 16 patches of 192 x 192),
so that smaller patches or batches run for more iterations. It is a sixth of what the scale gives to a first phase:
what is worth much here need not be worth as much there. The record is written after every trial; with --more the
newest one's other trials and seeds stay in it. PSNR is of luma, as the literature prints it; on the scale's
held-out photographs it is in RGB. A trial computes on one thread, so that the bytes do not depend on how many run at
once; nothing is timed, so the machine may do other things meanwhile.
"""

import argparse
import json
import math
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

import torch
from records import FOLDER, write_record
from torch import nn

from esr.batches.batches import Batches
from esr.evaluation.scores import score
from esr.inference.enlarge import enlarge
from esr.networks.slimrlfn import SlimRLFN
from esr.packed.store import PackedSet, open_set
from esr.recipes.engine_settings import EngineSettings
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.helper_parts import Silence
from esr.training.loop import train
from esr.training.losses import charbonnier, l1
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Plan
from esr.training.validation import Validation
from esr.weights.weights_file import load_network

PIXELS = 800 * 16 * 192**2
WARM_UP, LOWEST = 100, 1e-5
SCORED = ("set5", "set14", "bsd100")
SETS = Path("data/laptop/sets")
TEACHER = Path("runs/laptop/teacher/slimrlfn-teacher/weights.safetensors")


@dataclass(frozen=True)
class Trial:
    """What differs; sides of patches are in pixels of HR."""

    patch: int = 128
    batch: int = 16
    rate: float = 2e-3
    average: float | None = 0.999
    loss: str = "charbonnier"
    teacher: float = 0.0  # what its loss counts
    composed: bool = True  # three branches as one kernel; else the deploy form from random weights of its own
    schedule: str = "cosine"  # to 1e-5; or "halved", after each fifth of the iterations, as RLFN's is

    @property
    def iterations(self) -> int:
        """How many make up the pixels."""
        return PIXELS // (self.batch * self.patch**2)

    def rate_of(self, iteration: int) -> float:
        """A warm-up, and the schedule."""
        warmth = min(1.0, (iteration + 1) / WARM_UP)
        if self.schedule == "halved":
            return warmth * self.rate * 0.5 ** (5 * iteration // self.iterations)
        half = (1 + math.cos(math.pi * iteration / self.iterations)) / 2
        return warmth * (LOWEST + (self.rate - LOWEST) * half)


BASE = Trial()
TRIALS = {
    "16x192": replace(BASE, patch=192),
    "16x128": BASE,
    "8x128": replace(BASE, batch=8),
    "16x96": replace(BASE, patch=96),
    "8x192": replace(BASE, batch=8, patch=192),
    "8x96": replace(BASE, batch=8, patch=96),
    "4x128": replace(BASE, batch=4),
    "4x96": replace(BASE, batch=4, patch=96),
    "8x96, rate 4e-3": replace(BASE, batch=8, patch=96, rate=4e-3),
    "rate 1e-3": replace(BASE, rate=1e-3),
    "rate 4e-3": replace(BASE, rate=4e-3),
    "halved": replace(BASE, schedule="halved"),
    "no average": replace(BASE, average=None),
    "l1": replace(BASE, loss="l1"),
    "teacher x 1": replace(BASE, teacher=1.0),
    "teacher x 0.1": replace(BASE, teacher=0.1),
    "plain": replace(BASE, composed=False),
}


def main() -> None:
    """Run the trials, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=", ".join(TRIALS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="trials side by side, a core each")
    parser.add_argument("--more", action="store_true", help="keep the other trials and seeds of the newest record")
    asked = parser.parse_args()
    results = json.loads(max(FOLDER.glob("*-laptop_trials.json")).read_text())["results"] if asked.more else {}
    with ProcessPoolExecutor(asked.at_once, mp_context=get_context("spawn")) as workers:
        running = {
            workers.submit(run, TRIALS[name], seed): (name, seed)
            for seed in asked.seeds
            for name in asked.trials or TRIALS
        }
        for done in as_completed(running):
            name, seed = running[done]
            found = done.result()
            print(f"{name}, seed {seed}: {json.dumps(found)}", flush=True)
            of_seeds = results.get(name, {}).get("dB", {}) | {str(seed): found}
            results[name] = {**asdict(TRIALS[name]), "iterations": TRIALS[name].iterations, "dB": of_seeds}
            print(write_record("laptop_trials", __doc__ or "", results), flush=True)


def run(trial: Trial, seed: int) -> dict[str, float]:
    """Train and score; gives dB by set."""
    torch.set_num_threads(1)
    engine = Engine(EngineSettings(), torch.device("cpu"))
    engine.set_up_process()
    sets = {name: open_set(SETS / name / "manifest.json") for name in ("div2k", "div2k-valid", *SCORED)}
    torch.manual_seed(seed)
    network = SlimRLFN(deploy=not trial.composed)
    loss = l1 if trial.loss == "l1" else charbonnier
    teacher = None
    if trial.teacher:
        taught, info = load_network(TEACHER)
        teacher = Teacher.of(taught, info.data_range, trial.teacher, engine)
    plan = Plan(
        name="trial",
        iterations=trial.iterations,
        rate=trial.rate_of,
        betas=(0.9, 0.999),
        clip_gradients=None,
        ema_decay=trial.average,
        objectives=[(0, Objective(loss, network.data_range, engine, teacher))],
        data=Data(
            lambda first, end: Batches(
                sets["div2k"], trial.patch, trial.batch, first_iteration=first, iterations=end, seed=seed, device="cpu"
            ),
            Validation(sets["div2k-valid"], network.data_range),
            validate_every=trial.iterations,
        ),
        engine=engine,
    )
    with tempfile.TemporaryDirectory() as folder:
        trained, points = train(network, plan, Checkpoints(Path(folder)), Silence())
    found = {name: luma(trained, sets[name], network.data_range) for name in SCORED}
    held_out = points[-1].psnr
    assert held_out is not None
    return {"held out": round(held_out, 3), **found}


def luma(network: nn.Module, images: PackedSet, data_range: float) -> float:
    """Mean PSNR of luma on a set, dB."""
    scores = [score(enlarge(network, images.lr(i), data_range), images.hr(i)).psnr_y for i in range(len(images))]
    return round(mean(scores), 3)


if __name__ == "__main__":
    main()
