"""Real: the longest training of SlimRLFN that the time allows, held against the released checkpoint."""

import math
import signal
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from engine_variants import DEVICE
from learning import photographs
from timed_training import crops_of, ours
from training import start_engine

from esr.compression.fusion import fuse
from esr.evaluation.evaluate import evaluate_network
from esr.evaluation.scores import Evaluation, mean
from esr.networks.slimrlfn import SlimRLFN
from esr.packed.crop import crop
from esr.packed.store import PackedSet, open_set
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.training.checkpoints import Checkpoints
from esr.training.curve import write_curve
from esr.training.helper_parts import Silence
from esr.training.loop import train
from esr.training.losses import charbonnier
from esr.training.objective import Objective
from esr.training.plan import Data, Plan
from esr.training.validation import Validation
from esr.weights.released import import_checkpoint
from esr.weights.weights_file import WeightsInfo, save_weights
from on_gpu.extent import Given
from on_gpu.fast import task_of
from on_gpu.notes import Notes

BATCH_DIVIDE = 4  # as `pilot` does: four times as many steps of the same work
RATE, LOWEST, WARM_UP = 1e-3, 1e-5, 200  # the factsheet's, with pilot's warm-up
AVERAGE = 0.999
VALIDATE_EVERY = 2000
SHARE = 0.95  # of the time goes into iterations; the rest into validations and checkpoints
SETS = ("Set5", "Set14", "BSD100", "Urban100")
CHECKPOINT = "team21_slimrlfn.pth"
WEIGHTS, CURVE = "slimrlfn.safetensors", "curve.csv"


class Stoppable(Silence):
    """A watch that asks a training to stop when the process is."""

    def __init__(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.terminated = number

    def progress(self, name: str, done: int, total: int, samples: int) -> None:
        """A line now and then."""
        if done % VALIDATE_EVERY == 0:
            print(f"  {done} of {total} iterations", flush=True)


def sets_of(given: Given) -> tuple[dict[str, PackedSet], str]:
    """Images to train on and images held out, and what they are: the luggage's, else scikit-image's."""
    brought = given.luggage / "images"
    if not all((brought / use).is_dir() for use in ("training", "validation")):
        return photographs(given.work / "photographs"), "photographs of scikit-image and scikit-learn"
    return {use: _packed(brought / use, given.work / f"real-{use}") for use in ("training", "validation")}, "luggage"


def _packed(images: Path, folder: Path) -> PackedSet:
    manifest = folder / "manifest.json"
    if not manifest.exists():
        rule = DataRule(stand_in=False, only_source=None)
        download(Download(use="training", folder=str(images.resolve())), rule, folder.name, folder / "source.json")
        crop(Crop(source=folder.name), folder / "source.json", manifest, folder / "images.store")
    return open_set(manifest)


def rate_of(iteration: int, iterations: int) -> float:
    """A warm-up, and a cosine."""
    half = (1 + math.cos(math.pi * iteration / iterations)) / 2
    return min(1.0, (iteration + 1) / WARM_UP) * (LOWEST + (RATE - LOWEST) * half)


def train_long(given: Given, notes: Notes, _: str) -> None:
    """Train for as long as was asked; a call that ends early leaves checkpoints with the results, for the next one."""
    watch = Stoppable()
    extent, engine = given.extent, start_engine()
    batch = max(1, extent.batch // BATCH_DIVIDE)
    sets, what = sets_of(given)
    task = task_of(extent, "SlimRLFN training", batch, extent.patch)
    batches = crops_of(sets["training"], task, DEVICE)
    speed = notes.once("images_per_s", lambda: round(ours(task, engine, batches), 1))
    seconds = extent.train_seconds if given.train_minutes is None else 60 * given.train_minutes
    iterations = notes.once("iterations", lambda: max(2, round(SHARE * seconds * speed / batch)))
    notes.once("images", lambda: {"what": what, "training": len(sets["training"]), "held_out": len(sets["validation"])})
    torch.manual_seed(0)
    network = SlimRLFN()
    plan = Plan(
        name="SlimRLFN",
        iterations=iterations,
        rate=lambda iteration: rate_of(iteration, iterations),
        betas=(0.9, 0.999),
        clip_gradients=None,
        ema_decay=AVERAGE,
        objectives=[(0, Objective(charbonnier, network.data_range, engine))],
        data=Data(batches, Validation(sets["validation"], network.data_range), VALIDATE_EVERY),
        engine=engine,
    )
    trained, points = train(network, plan, Checkpoints(notes.folder), watch)
    fused = fuse(trained.cpu())
    info = WeightsInfo("esr/networks/slimrlfn.py", {}, True, network.data_range, "benchmarks/gpu.py --part real", {})
    save_weights(notes.folder / WEIGHTS, fused.state_dict(), info)
    write_curve(notes.folder / CURVE, points)
    curve = [[point.iteration, point.loss, point.learning_rate, point.psnr] for point in points]
    notes.once("curve", lambda: {"columns": ["iteration", "loss", "learning_rate", "psnr"], "points": curve})


def score(given: Given, notes: Notes, _: str) -> None:
    """PSNR and SSIM of what was trained, of the released checkpoint and of bicubic, on the sets that were brought."""
    sets = [name for name in SETS if (given.luggage / "images" / name).is_dir()]
    for name in sorted(set(SETS) - set(sets)):
        notes.failed(name, FileNotFoundError(f"{given.luggage}/images/{name} is not there; bring its HR images along"))
    networks = {"trained": notes.folder / WEIGHTS}
    if (given.luggage / CHECKPOINT).exists():
        networks["released"] = given.work / "released.safetensors"
        import_checkpoint("slimrlfn", given.luggage / CHECKPOINT, networks["released"])
    for name in sets:
        for which, weights in networks.items():
            notes.tried(f"{name}, {which}", partial(_scores, given, weights, name))


def _scores(given: Given, weights: Path, name: str) -> dict[str, Any]:
    found: Evaluation = evaluate_network(weights, given.luggage / "images" / name)
    both = {"network": mean(found.images), "bicubic": mean(found.bicubic)}
    return {"images": len(found.names), **{who: rounded(each) for who, each in both.items()}}


def rounded(scores: Any) -> dict[str, float]:
    """The scores by name."""
    return {name: round(value, 4) for name, value in vars(scores).items()}
