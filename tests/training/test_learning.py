"""Learning is real: a small network, trained on the demo's photographs for seconds, beats bicubic on those held out."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_training import CPU, PLAN, Quiet, content
from tiny_project import Project

from esr.data.batches import Batches
from esr.data.bicubic import upscale
from esr.data.store import PackedSet, open_set
from esr.evaluation.inference import super_resolve
from esr.evaluation.quality import psnr
from esr.networks.slimrlfn import SlimRLFN
from esr.training.checkpoints import Checkpoints
from esr.training.loop import train
from esr.training.losses import l1
from esr.training.objective import Objective
from esr.training.plan import Data, Plan
from esr.training.validation import Validation

ITERATIONS = 1000


def rate(iteration: int) -> float:
    """A warm-up of 50 iterations, then a cosine from 3e-3 to 0."""
    return 3e-3 * min(1.0, (iteration + 1) / 50) * math.cos(math.pi / 2 * iteration / ITERATIONS) ** 2


@pytest.fixture(scope="module")
def photographs(made: Project) -> tuple[PackedSet, PackedSet]:
    """Those of the demo for training, and the two that are held out."""
    sets = made.folder / "data/demo/sets"
    return open_set(sets / "df2k/manifest.json"), open_set(sets / "div2k-valid/manifest.json")


def plan(photographs: tuple[PackedSet, PackedSet], iterations: int, **options: object) -> Plan:
    training, held_out = photographs
    return replace(
        PLAN,
        iterations=iterations,
        rate=rate,
        ema_decay=0.99,
        objective=Objective(l1, SlimRLFN.data_range, PLAN.engine),
        data=Data(
            lambda first, end: Batches(training, 64, 8, first_iteration=first, iterations=end, device=CPU, **options),
            Validation(held_out, SlimRLFN.data_range),
            validate_every=iterations,
        ),
    )


def small() -> SlimRLFN:
    torch.manual_seed(0)
    return SlimRLFN(channels=24, blocks=2, esa_channels=6)


def test_a_small_network_beats_bicubic_on_held_out_images(
    tmp_path: Path, photographs: tuple[PackedSet, PackedSet]
) -> None:
    watch = Quiet()
    network, points = train(small(), plan(photographs, ITERATIONS), Checkpoints(tmp_path), watch)
    images = photographs[1]
    for index, name in enumerate(images.names):
        lr, hr = images.lr(index), images.hr(index)
        ours, bicubic = psnr(super_resolve(network, lr, 255.0), hr), psnr(upscale(lr), hr)
        assert ours > bicubic, f"{name}: {ours:.2f} dB, bicubic {bicubic:.2f} dB"
    assert points[-1].loss < points[0].loss
    assert watch.pictures == [ITERATIONS]


def test_data_workers_change_no_byte(tmp_path: Path, photographs: tuple[PackedSet, PackedSet]) -> None:
    results = [
        content(
            train(small(), plan(photographs, 12, workers=workers), Checkpoints(tmp_path / str(workers)), Quiet())[0]
        )
        for workers in (0, 1, 2)
    ]
    assert results[0] == results[1] == results[2]
