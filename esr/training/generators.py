"""What a stage draws by: a seed of its own, and what torch's generators give in a step of it.

Phases of an entry have the same seed in their rows. With that seed alone each would see the crops of the phase
before, in the same order. So the stage's name goes into the seed that it draws by.

A network may draw numbers itself, as dropout does. The generators are seeded anew before each step, so there is no
generator's state to save, and a training that was killed draws what one that was not draws.
"""

import hashlib

import numpy as np
import torch

_OF_STEPS = 2  # second word of the key; esr.batches.sampling uses 0 and 1


def seed_of_stage(seed: int, kind: str, key: str) -> int:
    """What a stage draws its batches, and its network's numbers, by: 64 bits of a SHA-256 of row's seed and name.

    It depends on nothing else: not on the scale, the machine or the other rows. A stage that is renamed draws anew.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {kind}/{key}".encode()).digest()[:8], "big")


def seed_of_step(seed: int, iteration: int, rank: int = 0) -> int:
    """The seed of a step: 64 bits of Philox, in which no two steps, ranks or stages' seeds are alike."""
    key, counter = np.array([seed, _OF_STEPS], np.uint64), np.array([iteration, rank, 0, 0], np.uint64)
    return int(np.random.Philox(key=key, counter=counter).random_raw())


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the CPU's generator, and the GPU's where the device is one.

    Not by ``torch.manual_seed``: on a machine without a GPU that costs more than all of this.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
