"""What costs SlimRLFN's release some PSNR: esr's training, or what it is trained on? The same by a loop of its own.

In the folder of a clone whose scale is `laptop`, after
``snakemake --cores all data/laptop/sets/{div2k,set5,set14,bsd100,urban100}/manifest.json``::

    python benchmarks/released_control.py CHECKOUT
    python benchmarks/released_control.py CHECKOUT --seeds 0 1 2 --at-once 2    # side by side, a core each

CHECKOUT is a clone of the organisers' https://github.com/Amazingren/NTIRE2024_ESR, whose network file is run. The
release goes on by its recipe's last phase (L2, Adam, 1e-4 down a cosine to 1e-6, here without an average of weights),
shortened, in small patches: once by ``esr.training``, and once by thirty lines that share nothing with it, with the
organisers' network, torch.nn.MSELoss, torch.optim.Adam, CosineAnnealingLR and crops by NumPy. A seed chooses the crops,
each loop's in its own way. Both are scored in RGB by the challenge's rule. Nothing is timed, so the machine may do
other things meanwhile.
"""

import argparse
import json
import math
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from records import write_record
from torch import Tensor, nn

from esr.batches.batches import Batches
from esr.images.quality import psnr
from esr.inference.enlarge import enlarge
from esr.packed.store import PackedSet, open_set
from esr.recipes.engine_settings import EngineSettings
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.helper_parts import Silence
from esr.training.loop import train
from esr.training.losses import l2
from esr.training.objective import Objective
from esr.training.plan import Data, Plan
from esr.training.validation import Validation
from esr.weights.released import import_checkpoint
from esr.weights.weights_file import load_network

ITERATIONS, BATCH, PATCH = 300, 16, 128
RATE, LOWEST = 1e-4, 1e-6
DATA_RANGE = 255.0
SCORED = ("set5", "set14", "bsd100", "urban100")
SETS = Path("data/laptop/sets")


def main() -> None:
    """Run both loops for every seed, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="loops side by side, a core each")
    asked = parser.parse_args()
    checkout = asked.checkout.resolve()
    released = scores_of(theirs(checkout))
    results: dict[str, dict[str, dict[str, float]]] = {"released": {"": released}, "esr": {}, "plain": {}}
    with ProcessPoolExecutor(asked.at_once, mp_context=get_context("spawn")) as workers:
        running = {
            workers.submit(change, name, checkout, seed, released): (name, seed)
            for seed in asked.seeds
            for name in LOOPS
        }
        for done in as_completed(running):
            name, seed = running[done]
            results[name][str(seed)] = done.result()
            print(f"{name}, seed {seed}: {json.dumps(done.result())}", flush=True)
    settings = {"iterations": ITERATIONS, "batch": BATCH, "patch": PATCH, "rate": RATE, "lowest": LOWEST}
    print(write_record("released-control", __doc__ or "", settings | {"dB": results}))


def change(name: str, checkout: Path, seed: int, released: dict[str, float]) -> dict[str, float]:
    """What a loop does to the PSNR of each set, dB."""
    torch.set_num_threads(1)
    found = scores_of(LOOPS[name](checkout, seed))
    return {images: round(psnr - released[images], 4) for images, psnr in found.items()}


def scores_of(network: nn.Module) -> dict[str, float]:
    """Mean PSNR in RGB by set, dB."""
    sets = {name: open_set(SETS / name / "manifest.json") for name in SCORED}
    return {name: mean(psnr_of(network, images, i) for i in range(len(images))) for name, images in sets.items()}


def psnr_of(network: nn.Module, images: PackedSet, index: int) -> float:
    """Of an image in RGB, dB."""
    return psnr(enlarge(network, images.lr(index), DATA_RANGE), images.hr(index))


def theirs(checkout: Path) -> nn.Module:
    """SlimRLFN as the organisers' script loads it."""
    sys.path.insert(0, str(checkout))
    from models.team21_SlimRLFN import SlimRLFN  # type: ignore[import-not-found]

    network: nn.Module = SlimRLFN()
    network.load_state_dict(torch.load(checkout / "model_zoo/team21_slimrlfn.pth", map_location="cpu"))
    return network.eval()


def by_a_plain_loop(checkout: Path, seed: int) -> nn.Module:
    """Train on as any script would."""
    images = open_set(SETS / "div2k/manifest.json")
    pairs = [(images.lr(index), images.hr(index)) for index in range(len(images))]
    network = theirs(checkout).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, ITERATIONS, LOWEST)
    loss, chance = nn.MSELoss(), np.random.default_rng(seed)
    for _ in range(ITERATIONS):
        crops = [crop(*pairs[chance.integers(len(pairs))], chance) for _ in range(BATCH)]
        lr, hr = (torch.stack(each) for each in zip(*crops, strict=True))
        optimiser.zero_grad()
        loss(network(lr), hr).backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def crop(lr: np.ndarray, hr: np.ndarray, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A random patch of an image, mirrored and turned at random; CHW in [0, 255]."""
    side = PATCH // 4
    top, left = (chance.integers(extent - side + 1) for extent in lr.shape[:2])
    turns, mirrored = int(chance.integers(4)), bool(chance.integers(2))

    def tensor(image: np.ndarray, scale: int) -> Tensor:
        part = image[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
        part = np.rot90(part[:, ::-1] if mirrored else part, turns)
        return torch.from_numpy(part.copy()).permute(2, 0, 1).float()

    return tensor(lr, 1), tensor(hr, 4)


def by_esr(checkout: Path, seed: int) -> nn.Module:
    """Train on by esr.training."""
    engine = Engine(EngineSettings(), torch.device("cpu"))
    engine.set_up_process()
    images = open_set(SETS / "div2k/manifest.json")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "released.safetensors"
        import_checkpoint("slimrlfn", checkout / "model_zoo/team21_slimrlfn.pth", weights)
        network, info = load_network(weights)
        assert info.data_range == DATA_RANGE
        plan = Plan(
            name="control",
            iterations=ITERATIONS,
            rate=lambda iteration: LOWEST + (RATE - LOWEST) * (1 + math.cos(math.pi * iteration / ITERATIONS)) / 2,
            betas=(0.9, 0.999),
            clip_gradients=None,
            ema_decay=None,
            objectives=[(0, Objective(l2, DATA_RANGE, engine, None))],
            data=Data(
                lambda first, end: Batches(
                    images, PATCH, BATCH, first_iteration=first, iterations=end, seed=seed, device="cpu"
                ),
                Validation(open_set(SETS / "set5/manifest.json"), DATA_RANGE),
                validate_every=ITERATIONS,
            ),
            engine=engine,
        )
        trained, _ = train(network, plan, Checkpoints(Path(folder)), Silence())
    return trained


LOOPS = {"esr": by_esr, "plain": by_a_plain_loop}


if __name__ == "__main__":
    main()
