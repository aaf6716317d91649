"""What costs SlimRLFN's release some PSNR: esr's training, or what it is trained on? The same by loops of its own.

In the folder of a clone whose scale is `laptop`, after
``snakemake --cores all data/laptop/sets/{div2k,set5,set14,bsd100,urban100}/manifest.json``::

    python benchmarks/released_control.py CHECKOUT
    python benchmarks/released_control.py CHECKOUT --seeds 0 1 2 --at-once 2    # side by side, a core each
    python benchmarks/released_control.py CHECKOUT --at-the-end --patch 640 --batch 2

CHECKOUT is a clone of the organisers' https://github.com/Amazingren/NTIRE2024_ESR, whose network file is run. The
release goes on by its recipe's last phase (L2, Adam, here without an average of weights), shortened, in small batches:
its rate from 1e-4 down a cosine to 1e-6, or, ``--at-the-end``, at the 1e-6 where that phase ended. ``esr`` is
esr.training. ``plain`` is thirty lines that share nothing with it, with the organisers' network, torch.nn.MSELoss,
torch.optim.Adam, CosineAnnealingLR and crops by NumPy; ``plain, esr's crops`` is that loop on the very batches that
esr's has. A seed chooses the crops. All are scored in RGB by the challenge's rule. Nothing is timed, so the machine may
do other things meanwhile. Other photographs: the line ``in_place_of`` of the scale (docs/laptop.md).
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from records import FOLDER, write_record
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

DATA_RANGE = 255.0
SCORED = ("set5", "set14", "bsd100", "urban100")
SETS = Path("data/laptop/sets")
TRAINED_ON = SETS / "div2k/manifest.json"


@dataclass(frozen=True)
class Setting:
    """How the release goes on."""

    iterations: int
    batch: int
    patch: int
    rate: float
    lowest: float = 1e-6

    def rate_of(self, iteration: int) -> float:
        """Down a cosine."""
        return self.lowest + (self.rate - self.lowest) * (1 + math.cos(math.pi * iteration / self.iterations)) / 2


def main() -> None:
    """Run the loops for every seed, print and write the record."""
    asked = arguments()
    setting = Setting(asked.iterations, asked.batch, asked.patch, 1e-6 if asked.at_the_end else 1e-4)
    kind = "at-the-end" if asked.at_the_end else f"{asked.patch}x{asked.batch}"
    name = f"released-control-{kind}"
    checkout = asked.checkout.resolve()
    described = asdict(setting) | {"photographs": photographs()}
    results: dict[str, dict[str, dict[str, float]]] = kept(name, described) if asked.more else {}
    results["released"] = {"": scores_of(theirs(checkout))}
    with ProcessPoolExecutor(asked.at_once, mp_context=get_context("spawn")) as workers:
        running = {
            workers.submit(change, loop, checkout, setting, seed, results["released"][""]): (loop, seed)
            for seed in asked.seeds
            for loop in asked.loops
        }
        for done in as_completed(running):
            loop, seed = running[done]
            results.setdefault(loop, {})[str(seed)] = done.result()
            print(f"{loop}, seed {seed}: {json.dumps(done.result())}", flush=True)
            print(write_record(name, __doc__ or "", described | {"dB": results}), flush=True)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="loops side by side, a core each")
    parser.add_argument("--at-the-end", action="store_true", help="1e-6 all the time, where the phase ended")
    parser.add_argument("--patch", type=int, default=128, metavar="PX")
    parser.add_argument("--batch", type=int, default=16, metavar="N")
    parser.add_argument("--iterations", type=int, default=300, metavar="N")
    parser.add_argument("--more", action="store_true", help="keep the other loops and seeds of the newest record")
    return parser.parse_args()


def photographs() -> dict[str, Any]:
    """What the set is that the release goes on with."""
    images = open_set(TRAINED_ON)
    megapixels = float(images.sizes.prod(axis=1).sum() / 1e6)
    index = [part.index_sha256 for part in images.parts]
    return {"images": len(images), "megapixels": round(megapixels, 1), "index_sha256": index}


def kept(name: str, described: dict[str, Any]) -> Any:
    """What the newest record has by the same setting."""
    found = json.loads(max(FOLDER.glob(f"*-{name}.json")).read_text())["results"]
    for key, value in described.items():
        if found[key] != value:
            sys.exit(f"the newest record has {key} {found[key]}, and not {value}; leave --more out")
    return found["dB"]


def change(loop: str, checkout: Path, setting: Setting, seed: int, released: dict[str, float]) -> dict[str, float]:
    """What a loop does to the PSNR of each set, dB."""
    torch.set_num_threads(1)
    found = scores_of(LOOPS[loop](checkout, setting, seed))
    return {name: round(reached - released[name], 4) for name, reached in found.items()}


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


def by_a_plain_loop(checkout: Path, setting: Setting, seed: int) -> nn.Module:
    """Train on as any script would."""
    return plainly(checkout, setting, own_crops(setting, seed))


def by_a_plain_loop_on_the_same_crops(checkout: Path, setting: Setting, seed: int) -> nn.Module:
    """Train on as any script would, by the batches that esr's training has."""
    batches = esr_batches(setting, seed, 0, setting.iterations)
    return plainly(
        checkout, setting, ((lr.contiguous() * DATA_RANGE, hr.contiguous() * DATA_RANGE) for lr, hr in batches)
    )


def plainly(checkout: Path, setting: Setting, batches: Iterable[tuple[Tensor, Tensor]]) -> nn.Module:
    """The organisers' network by PyTorch's own parts; batches in [0, 255]."""
    network = theirs(checkout).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=setting.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, setting.iterations, setting.lowest)
    loss = nn.MSELoss()
    for lr, hr in batches:
        optimiser.zero_grad()
        loss(network(lr), hr).backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def own_crops(setting: Setting, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of random patches, in [0, 255]."""
    images = open_set(TRAINED_ON)
    pairs = [images.pair(index) for index in range(len(images))]
    large = [(lr, hr) for lr, hr in pairs if min(hr.shape[:2]) >= setting.patch]
    chance = np.random.default_rng(seed)
    for _ in range(setting.iterations):
        crops = [crop(*large[chance.integers(len(large))], setting.patch, chance) for _ in range(setting.batch)]
        lr, hr = (torch.stack(each) for each in zip(*crops, strict=True))
        yield lr, hr


def crop(lr: np.ndarray, hr: np.ndarray, patch: int, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A random patch of an image, mirrored and turned at random; CHW in [0, 255]."""
    side = patch // 4
    top, left = (chance.integers(extent - side + 1) for extent in lr.shape[:2])
    turns, mirrored = int(chance.integers(4)), bool(chance.integers(2))

    def tensor(image: np.ndarray, scale: int) -> Tensor:
        part = image[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
        part = np.rot90(part[:, ::-1] if mirrored else part, turns)
        return torch.from_numpy(part.copy()).permute(2, 0, 1).float()

    return tensor(lr, 1), tensor(hr, 4)


def esr_batches(setting: Setting, seed: int, first: int, end: int) -> Batches:
    """What esr's training has from an iteration to another; in [0, 1]."""
    images = open_set(TRAINED_ON)
    return Batches(images, setting.patch, setting.batch, first_iteration=first, iterations=end, seed=seed, device="cpu")


def by_esr(checkout: Path, setting: Setting, seed: int) -> nn.Module:
    """Train on by esr.training."""
    engine = Engine(EngineSettings(), torch.device("cpu"))
    engine.set_up_process()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "released.safetensors"
        import_checkpoint("slimrlfn", checkout / "model_zoo/team21_slimrlfn.pth", weights)
        network, info = load_network(weights)
        assert info.data_range == DATA_RANGE
        plan = Plan(
            name="control",
            iterations=setting.iterations,
            rate=setting.rate_of,
            betas=(0.9, 0.999),
            clip_gradients=None,
            ema_decay=None,
            objectives=[(0, Objective(l2, DATA_RANGE, engine, None))],
            data=Data(
                lambda first, end: esr_batches(setting, seed, first, end),
                Validation(open_set(SETS / "set5/manifest.json"), DATA_RANGE),
                validate_every=setting.iterations,
            ),
            engine=engine,
        )
        trained, _ = train(network, plan, Checkpoints(Path(folder)), Silence())
    return trained


LOOPS: dict[str, Callable[[Path, Setting, int], nn.Module]] = {
    "esr": by_esr,
    "plain": by_a_plain_loop,
    "plain, esr's crops": by_a_plain_loop_on_the_same_crops,
}


if __name__ == "__main__":
    main()
