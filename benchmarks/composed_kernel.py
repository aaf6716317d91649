"""What training through the composed kernel saves: one training step of a network, composed and branch by branch.

Both run the same step (forward, L1, backward, Adam) on the same weights and images, in turn, so that a machine that is
busy or throttles hurts both alike; the ratio of each round is taken, and its median told. On a CPU the clock is that of
the process, on one thread, which other processes disturb least; on a GPU it is the wall's.

    python benchmarks/composed_kernel.py --record
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from records import write_record
from torch import nn

from esr.compression.fusion import branch_by_branch
from esr.networks.ifadnet import IFADNet
from esr.networks.r2net import R2Net
from esr.networks.slimrlfn import SlimRLFN
from esr.networks.span import SPAN
from esr.weights.weights_file import data_range_of

WHAT = (
    "One fp32 training step (forward, L1, backward, Adam) of a training form through its composed kernels, against the"
    " same step branch by branch: images per second (of processor time on one thread on a CPU, of wall time on a GPU),"
    " and the ratio of each round of the two in turn."
)
NETWORKS: dict[str, type[nn.Module]] = {"R2Net": R2Net, "SlimRLFN": SlimRLFN, "IFADNet": IFADNet, "SPAN": SPAN}


def main() -> None:
    """Measure, print a line per network, and write the record where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=8, help="images in a batch")
    parser.add_argument("--patch", type=int, default=256, help="HR pixels on a patch's side")
    parser.add_argument("--rounds", type=int, default=9, help="timed steps of either kind")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--record", action="store_true", help="write benchmarks/records/DATE-composed_kernel.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for name, network in NETWORKS.items():
        results[name] = compare(network, options.batch, options.patch, options.rounds, torch.device(options.device))
        composed, branches = results[name]["composed_images_per_s"], results[name]["branches_images_per_s"]
        print(f"{name:10} {composed:8.2f} images/s composed, {branches:8.2f} branch by branch: ", end="")
        print(f"{results[name]['ratio']:.2f} times (rounds {results[name]['ratios']})", flush=True)
    if options.record:
        settings = {key: value for key, value in vars(options).items() if key != "record"}
        print(write_record("composed_kernel", WHAT, {"settings": settings, "networks": results}))


def compare(
    network_class: type[nn.Module], batch: int, patch: int, rounds: int, device: torch.device
) -> dict[str, Any]:
    """Time ``rounds`` steps of either kind, in turn, after one of each to warm up."""
    torch.manual_seed(0)
    composed = network_class().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lr = torch.rand(batch, 3, patch // 4, patch // 4, device=device) * data_range_of(composed)
    hr = torch.rand(batch, 3, patch, patch, device=device) * data_range_of(composed)
    lr = lr.contiguous(memory_format=torch.channels_last)
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    steps = [training_step(network, lr, hr) for network in (composed, branch_by_branch(composed))]
    seconds: list[list[float]] = [[], []]
    for round_ in range(rounds + 1):
        for step, times in zip(steps, seconds, strict=True):
            begun = clock()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if round_:
                times.append(clock() - begun)
    ratios = [slow / fast for fast, slow in zip(*seconds, strict=True)]
    return {
        "composed_images_per_s": round(batch / statistics.median(seconds[0]), 3),
        "branches_images_per_s": round(batch / statistics.median(seconds[1]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in sorted(ratios)],
    }


def training_step(network: nn.Module, lr: torch.Tensor, hr: torch.Tensor) -> Callable[[], None]:
    """A step of training on one batch, ready to be called again and again."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=1e-4, fused=True)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        F.l1_loss(network(lr), hr).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


if __name__ == "__main__":
    main()
