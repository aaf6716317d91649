"""Whether distillation and pruning pay, at the size of a demo: PSNR on the two photographs that are held out.

    python benchmarks/learning.py

Distillation: a small SlimRLFN trained to HR alone, and to HR and a larger RLFN's output, for as many iterations.
Pruning: a SlimRLFN trained, a quarter of its prunable channels removed, fine-tuned; against its pruned widths trained
from nothing for as long as the fine-tuning, and for as long as both together. Three seeds of weights and crops; each
seed is compared with itself. A demo's iterations are a thousandth of a paper's: this says what the code does, not
what an entry would gain.
"""

import argparse
import copy
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from records import write_record
from torch import nn

from esr.batches.batches import Batches
from esr.compression.channels import remove_channels, widths_of
from esr.images.bicubic import upscale
from esr.images.quality import psnr
from esr.networks.rlfn import RLFN
from esr.networks.slimrlfn import SlimRLFN
from esr.packed.crop import crop
from esr.packed.store import PackedSet, open_set
from esr.recipes.engine_settings import EngineSettings
from esr.recipes.rows import Crop, Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.helper_parts import Silence
from esr.training.loop import train
from esr.training.losses import l1
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Plan
from esr.training.validation import Validation

PATCH, BATCH, RATE = 64, 8, 3e-3
TEACHER_ITERATIONS, STUDENT_ITERATIONS = 2000, 1000
TRAINED, TUNED, TUNING_RATE = 1500, 600, 1e-3
REMOVED = 0.25  # of the prunable channels
SEEDS = (0, 1, 2)
ENGINE = Engine(EngineSettings(), torch.device("cpu"))
ENGINE.set_up_process()


def learn(
    network: nn.Module, sets: dict[str, PackedSet], iterations: int, seed: int, rate: float, teacher: Teacher | None
) -> float:
    """Train with a warm-up and a cosine to 0; gives the PSNR of the averaged weights, which the network then has."""
    plan = Plan(
        name="learning",
        iterations=iterations,
        rate=lambda i: rate * min(1.0, (i + 1) / 50) * math.cos(math.pi / 2 * i / iterations) ** 2,
        betas=(0.9, 0.999),
        clip_gradients=None,
        ema_decay=0.99,
        objectives=[(0, Objective(l1, 255.0, ENGINE, teacher))],
        data=Data(
            lambda first, end: Batches(
                sets["training"], PATCH, BATCH, first_iteration=first, iterations=end, seed=seed, device="cpu"
            ),
            Validation(sets["validation"], 255.0),
            validate_every=iterations,
        ),
        engine=ENGINE,
    )
    with tempfile.TemporaryDirectory() as folder:
        trained, points = train(network, plan, Checkpoints(Path(folder)), Silence())
    network.load_state_dict(trained.state_dict())
    found = points[-1].psnr
    assert found is not None
    return found


def distillation(sets: dict[str, PackedSet]) -> dict[str, Any]:
    """A student without and with a teacher."""
    torch.manual_seed(0)
    master = RLFN(channels=32, inner=32, blocks=4)
    best = learn(master, sets, TEACHER_ITERATIONS, 0, RATE, None)
    print(f"teacher {best:.3f} dB", flush=True)
    runs: dict[str, list[float]] = {"HR alone": [], "HR and teacher": []}
    for seed in SEEDS:
        for name, found in runs.items():
            torch.manual_seed(seed)
            teacher = Teacher.of(copy.deepcopy(master), 255.0, 1.0, ENGINE) if "teacher" in name else None
            student = SlimRLFN(channels=16, blocks=2, esa_channels=4)
            found.append(learn(student, sets, STUDENT_ITERATIONS, seed, RATE, teacher))
        print(f"seed {seed}: " + ", ".join(f"{name} {found[-1]:.3f} dB" for name, found in runs.items()), flush=True)
    return {"teacher_psnr": round(best, 3), **_compared(runs, "HR alone")}


def pruning(sets: dict[str, PackedSet]) -> dict[str, Any]:
    """A pruned network fine-tuned, and its widths from nothing."""
    names = ("unpruned", "pruned", "pruned, fine-tuned", "from nothing, as fine-tuned", "from nothing, as both")
    runs: dict[str, list[float]] = {name: [] for name in names}
    widths = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        network = SlimRLFN(channels=24, blocks=2, esa_channels=6, deploy=True)
        runs["unpruned"].append(learn(network, sets, TRAINED, seed, RATE, None))
        layers = network.prunable()
        count = round(REMOVED * sum(widths_of(network, layers)))
        remove_channels(network.eval(), layers, count, "layer_mean")
        widths.append(widths_of(network, layers))
        runs["pruned"].append(Validation(sets["validation"], 255.0)(network).psnr)
        runs["pruned, fine-tuned"].append(learn(network, sets, TUNED, seed, TUNING_RATE, None))
        for name, iterations in (("as fine-tuned", TUNED), ("as both", TRAINED + TUNED)):
            torch.manual_seed(seed)
            fresh = SlimRLFN(channels=24, blocks=2, esa_channels=6, widths=widths[-1], deploy=True)
            runs[f"from nothing, {name}"].append(learn(fresh, sets, iterations, seed, RATE, None))
        print(f"seed {seed}: " + ", ".join(f"{name} {found[-1]:.3f} dB" for name, found in runs.items()), flush=True)
    return {"widths": widths, **_compared(runs, "pruned, fine-tuned")}


def _compared(runs: dict[str, list[float]], base: str) -> dict[str, Any]:
    """PSNR by seed, and how much each way is above ``base`` on average over the seeds."""
    means = {
        name: statistics.mean(a - b for a, b in zip(found, runs[base], strict=True)) for name, found in runs.items()
    }
    return {
        "psnr": {name: [round(value, 3) for value in found] for name, found in runs.items()},
        f"mean_db_above_{base}": {name: round(mean, 3) for name, mean in means.items() if name != base},
    }


def photographs(folder: Path) -> dict[str, PackedSet]:
    """The demo's photographs: those for training, and the two that are held out."""
    sets = {}
    for use in ("training", "validation"):
        source, manifest = folder / use / "source.json", folder / use / "manifest.json"
        download(Download(use=use), DataRule(stand_in=True, only_source=None), use, source)
        crop(Crop(source=use), source, manifest, folder / use / "images.store")
        sets[use] = open_set(manifest)
    return sets


def main() -> None:
    """Measure, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sets = photographs(Path(folder))
        held_out = sets["validation"]
        bicubic = [psnr(upscale(held_out.lr(i)), held_out.hr(i)) for i in range(len(held_out))]
        results = {
            "bicubic_psnr": round(statistics.mean(bicubic), 3),
            "distillation": distillation(sets),
            "pruning": pruning(sets),
        }
    print(write_record("learning", __doc__ or "", results))


if __name__ == "__main__":
    main()
