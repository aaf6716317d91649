"""What SlimRLFN's teacher costs in distillation on a CPU: images per second of our whole loop under RLFN 6x196.

    python benchmarks/teacher_cost.py

Without a teacher; with its forward pass as it is often written (no_grad, the layout it comes in); with ours
(inference mode, channels_last) in fp32; and in bf16. Rounds alternate. On a GPU: gpu.py --part fast.
"""

import statistics
from collections.abc import Callable

import torch
from records import write_record
from timed_training import Task, one_batch, ours
from torch import Tensor

from esr.networks.rlfn import RLFN
from esr.recipes.engine_settings import EngineSettings, OnCpu
from esr.training.engine import Engine
from esr.training.objective import Teacher
from esr.weights.weights_file import data_range_of

TASK = Task("SlimRLFN training", 4, 256, 2, warm_up=1)
ROUNDS = 3
CPU = torch.device("cpu")


def plain(network: RLFN) -> Callable[[Tensor], Tensor]:
    """A frozen forward pass without further thought."""

    def forward(lr: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.no_grad():
            hr: Tensor = network(lr.contiguous().clone())
            return hr

    return forward


def ways() -> dict[str, tuple[Engine, Teacher | None]]:
    """Engine and teacher of each way."""
    torch.manual_seed(0)
    network = RLFN(channels=196, inner=196, blocks=6).eval()
    network_range = data_range_of(network)
    in_fp32 = Engine(EngineSettings(), CPU)
    in_fp32.set_up_process()
    in_bf16 = Engine(EngineSettings(cpu=OnCpu(teacher_precision="bf16")), CPU)
    as_written = Teacher(plain(network), network_range, 1.0)
    placed = RLFN(channels=196, inner=196, blocks=6)
    placed.load_state_dict(network.state_dict())
    return {
        "no teacher": (in_fp32, None),
        "teacher as it is often written": (in_fp32, as_written),
        "teacher in fp32": (in_fp32, Teacher.of(placed, network_range, 1.0, in_fp32)),
        "teacher in bf16": (in_bf16, Teacher.of(placed, network_range, 1.0, in_bf16)),
    }


def main() -> None:
    """Measure, print and write the record."""
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, (engine, teacher) in ways().items():
            found.setdefault(name, []).append(ours(TASK, engine, one_batch(TASK, CPU), teacher))
    speed = {name: round(statistics.median(runs), 3) for name, runs in found.items()}
    share = {name: round(1 - value / speed["no teacher"], 3) for name, value in speed.items() if name != "no teacher"}
    results = {"task": str(TASK), "images_per_s": speed, "teachers_share_of_the_time": share}
    print(results)
    print(write_record("teacher_cost", __doc__ or "", results))


if __name__ == "__main__":
    main()
