"""The stages that train: teacher, distill, train, finetune."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from esr.data.batches import Batches
from esr.data.store import PackedSet, open_set
from esr.errors import EsrError
from esr.files import md5_of, write_text
from esr.recipes.rows import Distill, Finetune, FreshPhase, Optimisation, Phase
from esr.recipes.scale import Role, Schedule, TrainingRule, shrink_phase, thin_teacher
from esr.training.checkpoints import Checkpoints
from esr.training.loop import Data, Plan, Point, train
from esr.training.losses import loss_of
from esr.training.schedules import learning_rate
from esr.training.validation import mean_psnr
from esr.weights import WeightsInfo, build_network, load_network, save_weights

if TYPE_CHECKING:
    from esr.graph import Node
    from esr.watch import Watch


def run_phase(row: Phase, rule: TrainingRule, node: Node, checkpoints: Path, watch: Watch) -> None:
    """Train one phase: a row of `teacher`, `distill`, `train` or `finetune`."""
    training_set = open_set(node.set(row.data))
    schedule = shrink_phase(row, role_of(node.kind), rule, len(training_set))
    network, info = first_network(row, rule, node)
    device = training_device()
    network.to(device)
    objective = Objective(row, info.data_range, _teacher(row, node, device))
    plan = Plan(
        name=f"{node.kind} {node.key}",
        iterations=schedule.iterations,
        rate=lambda iteration: learning_rate(row, schedule, iteration),
        betas=row.betas,
        ema_decay=row.ema_decay,
        objective=objective,
        data=data_of(row, schedule, training_set, open_set(node.set(row.validation)), info.data_range, device),
    )
    trained, curve = train(network, plan, Checkpoints(checkpoints), watch)
    write_curve(node.output("curve.csv"), curve)
    save_weights(node.output("weights.safetensors"), trained.state_dict(), info)


def role_of(kind: str) -> Role:
    """What the scale's rule takes a phase of this kind for."""
    roles: dict[str, Role] = {"teacher": "teacher", "distill": "first", "train": "first", "finetune": "later"}
    return roles[kind]


def training_device() -> torch.device:
    """The GPU that the runner made visible, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def first_network(row: Phase, rule: TrainingRule, node: Node) -> tuple[nn.Module, WeightsInfo]:
    """The network that the phase starts with, and what its weights file will say."""
    if isinstance(row, Finetune):
        source = node.weights(row.from_)
        network, info = load_network(source)
        if info.network != row.network:
            raise EsrError(f"{node.name}: {source} holds {info.network}, but the row's network is {row.network}")
        return network, WeightsInfo(
            info.network, info.arguments, info.deploy, info.data_range, node.name, {"weights": md5_of(source)}
        )
    assert isinstance(row, FreshPhase)
    arguments = thin_teacher(row.arguments, rule) if node.kind == "teacher" else dict(row.arguments)
    torch.manual_seed(row.seed)
    network = build_network(row.network, arguments)
    data = {"data": md5_of(node.set(row.data))}
    return network, WeightsInfo(row.network, arguments, False, float(network.data_range), node.name, data)  # type: ignore[arg-type]


def _teacher(row: Phase, node: Node, device: torch.device) -> tuple[nn.Module, float] | None:
    if not isinstance(row, Distill):
        return None
    teacher, info = load_network(node.weights(row.teacher))
    return teacher.to(device, memory_format=torch.channels_last).eval(), info.data_range  # type: ignore[call-overload]


class Objective:
    """Loss to HR, plus teacher_weight x loss to the frozen teacher's output where there is a teacher.

    Images are in [0, 1] whatever range a network works in, so that losses of all networks are of one size.
    """

    def __init__(self, row: Optimisation, data_range: float, teacher: tuple[nn.Module, float] | None = None) -> None:
        self.distance = loss_of(row)
        self.data_range = data_range
        self.teacher = teacher
        self.teacher_weight = row.teacher_weight if isinstance(row, Distill) else 0.0

    def __call__(self, network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
        """lr (N, 3, h, w) and hr (N, 3, 4h, 4w) in [0, 1] -> scalar."""
        output = network(lr * self.data_range) / self.data_range
        loss = self.distance(output, hr)
        if self.teacher is None:
            return loss
        teacher, teacher_range = self.teacher
        with torch.inference_mode():
            target = teacher(lr * teacher_range) / teacher_range
        return loss + self.teacher_weight * self.distance(output, target.clone())


def data_of(
    row: Optimisation,
    schedule: Schedule,
    training_set: PackedSet,
    validation_set: PackedSet,
    data_range: float,
    device: torch.device,
) -> Data:
    """Batches of a training set, and the PSNR on a validation set."""

    def batches(first: int, end: int) -> Batches:
        return Batches(
            training_set,
            patch=schedule.patch,
            batch=schedule.batch,
            seed=row.seed,
            horizontal_flips=row.horizontal_flips,
            vertical_flips=row.vertical_flips,
            rotations=row.rotations,
            device=device,
            first_iteration=first,
            iterations=end,
            data_range=1.0,
        )

    return Data(batches, lambda network: mean_psnr(network, validation_set, data_range), schedule.validate_every)


def write_curve(path: Path, curve: Sequence[Point]) -> None:
    """Write the curve as CSV for `dvc plots`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["iteration", "loss", "learning_rate", "psnr"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(point) for point in curve)
    write_text(path, text.getvalue())
