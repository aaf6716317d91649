"""What each setting of the table ``engine`` is worth: images per second of our whole loop.

``python benchmarks/training.py --part engine`` measures them on a CPU, each in a process of its own, in alternating
rounds; ``python benchmarks/gpu.py --part fast`` on a GPU. Differences of a few percent are noise.
"""

import os
import time
from dataclasses import replace
from pathlib import Path

import torch
from timed_training import Task, crops_of, ours, packed
from torch import nn

from esr.recipes.engine_settings import EngineSettings
from esr.training.engine import Engine, Step

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_CPU = ["fp32", "contiguous fp32", "denormals fp32", "returning fp32", "bf16", "compiled fp32"]  # against the first
CPU_TASKS = [
    Task("SlimRLFN training", 16, 256, iterations=6, warm_up=2),
    Task("SlimRLFN deploy", 16, 256, iterations=6, warm_up=2),
    Task("SlimRLFN training", 16, 640, iterations=2, warm_up=1),
    Task("R2Net training", 16, 256, iterations=6, warm_up=2),
]


class ContiguousEngine(Engine):
    """Without channels_last: the layout that networks and images have where nobody thinks of it."""

    def placed(self, network: nn.Module) -> nn.Module:
        """The network on the device, in its own layout."""
        return network.to(self.device)

    def recorded(self, step: Step) -> Step:
        """The step on contiguous batches: one operand in channels_last would make a convolution choose that layout."""
        return super().recorded(lambda lr, hr: step(lr.contiguous(), hr.contiguous()))


class ExactlySmallEngine(Engine):
    """With numbers below 1e-38 as they are, which a CPU computes slowly."""

    def set_up_process(self) -> None:
        """As always, but for these numbers."""
        super().set_up_process()
        torch.set_flush_denormal(False)


class ReturningEngine(Engine):
    """With the C library's habit of giving large blocks back to the system when they are freed."""

    def _keep_freed_memory(self) -> None:
        """Nothing."""


KINDS = {"contiguous": ContiguousEngine, "denormals": ExactlySmallEngine, "returning": ReturningEngine}
PRECISIONS = ("fp32", "tf32", "bf16")


def engine_of(name: str, teacher: str = "fp32", ranks: int = 1) -> Engine:
    """The engine that is called so, such as ``compiled graph bf16``; the process is set up for it.

    Args:
        name: a precision, and beside it any of compiled, graph, deterministic, and the kinds above. A CPU has no
            graph, and its fp32 stands for tf32.
        teacher: the precision of a teacher.
        ranks: processes of the training.
    """
    words = name.split()
    own: dict[str, object] = {
        "precision": _on_this_device(next(word for word in words if word in PRECISIONS)),
        "teacher_precision": _on_this_device(teacher),
        "compile": "compiled" in words,
    }
    if DEVICE.type == "cuda":
        own["graph"] = "graph" in words
    settings = EngineSettings.model_validate({"deterministic": "deterministic" in words, DEVICE.type: own})
    engine = next((KINDS[word] for word in words if word in KINDS), Engine)(settings, DEVICE, ranks)
    engine.set_up_process()
    return engine


def _on_this_device(precision: str) -> str:
    return "fp32" if precision == "tf32" and DEVICE.type == "cpu" else precision


def speed_of(task: Task, name: str, folder: Path) -> float:
    """Images per second of one setting, with the photographs of ``folder``."""
    return ours(task, engine_of(name), crops_of(packed(folder), task, DEVICE))


def seconds_to_start(task: Task, name: str, folder: Path) -> float:
    """What a setting needs for a training of two iterations: what compiling costs where no cache helps."""
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    begun = time.perf_counter()
    speed_of(replace(task, iterations=1, warm_up=1), name, folder)
    return time.perf_counter() - begun
