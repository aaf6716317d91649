"""The stages that train: teacher, distill, train, finetune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from esr.data.batches import Batches
from esr.data.store import PackedSet, open_set
from esr.errors import EsrError
from esr.files import md5_of
from esr.recipes.engine import EngineSettings
from esr.recipes.rows import Distill, Finetune, FreshPhase, Optimisation, Phase
from esr.recipes.scale import Role, Schedule, TrainingRule, shrink_phase, thin_teacher
from esr.training.checkpoints import Checkpoints
from esr.training.curve import write_curve
from esr.training.engine import Engine
from esr.training.loop import train
from esr.training.losses import loss_of
from esr.training.objective import Objective, Teacher
from esr.training.plan import Data, Plan
from esr.training.schedules import learning_rate
from esr.training.validation import Validation
from esr.weights import WeightsInfo, build_network, data_range_of, load_network, save_weights

if TYPE_CHECKING:
    from esr.graph import Node
    from esr.watch import Watch


def run_phase(
    row: Phase, rule: TrainingRule, settings: EngineSettings, node: Node, checkpoints: Path, watch: Watch
) -> None:
    """Train one phase: a row of `teacher`, `distill`, `train` or `finetune`."""
    engine = start_engine(settings, watch)
    training_set = open_set(node.set(row.data))
    schedule = shrink_phase(row, role_of(node.kind), rule, len(training_set))
    network, info = first_network(row, rule, node)
    plan = Plan(
        name=f"{node.kind} {node.key}",
        iterations=schedule.iterations,
        rate=lambda iteration: learning_rate(row, schedule, iteration),
        betas=row.betas,
        clip_gradients=row.clip_gradients,
        ema_decay=row.ema_decay,
        objective=Objective(loss_of(row), info.data_range, engine, _teacher(row, node, engine)),
        data=data_of(row, schedule, training_set, open_set(node.set(row.validation)), info.data_range, engine.device),
        engine=engine,
    )
    trained, points = train(network, plan, Checkpoints(checkpoints), watch)
    write_curve(node.output("curve.csv"), points)
    save_weights(node.output("weights.safetensors"), trained.state_dict(), info)


def role_of(kind: str) -> Role:
    """What the scale's rule takes a phase of this kind for."""
    roles: dict[str, Role] = {"teacher": "teacher", "distill": "first", "train": "first", "finetune": "later"}
    return roles[kind]


def start_engine(settings: EngineSettings, watch: Watch) -> Engine:
    """The engine on the GPU that the runner made visible, else on the CPU; its choices are told."""
    engine = Engine(settings, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    watch.say(f"computes on {engine}")
    return engine


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
    return network, WeightsInfo(row.network, arguments, False, data_range_of(network), node.name, data)


def _teacher(row: Phase, node: Node, engine: Engine) -> Teacher | None:
    if not isinstance(row, Distill):
        return None
    network, info = load_network(node.weights(row.teacher))
    return Teacher.of(network, info.data_range, row.teacher_weight, engine)


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

    return Data(batches, Validation(validation_set, data_range), schedule.validate_every)
