"""What torch's generators give in a training step: a function of (seed, iteration, rank), as crops and flips are.

A network may draw numbers itself, as dropout does. The generators are seeded anew before each step, so there is no
generator's state to save, and a training that was killed draws what one that was not draws.
"""

import numpy as np
import torch

_OF_STEPS = 2  # second word of the key; esr.data.sampling uses 0 and 1


def seed_of_step(seed: int, iteration: int, rank: int = 0) -> int:
    """The seed of a step: 64 bits of Philox, in which no two steps, ranks or rows' seeds are alike."""
    key, counter = np.array([seed, _OF_STEPS], np.uint64), np.array([iteration, rank, 0, 0], np.uint64)
    return int(np.random.Philox(key=key, counter=counter).random_raw())


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the CPU's generator, and the GPU's where the device is one.

    Not by ``torch.manual_seed``: on a machine without a GPU that costs more than all of this.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
