"""Right: what must hold on a GPU before any time counts."""

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from engine_variants import DEVICE, ContiguousEngine, engine_of, speed_of
from timed_training import Task, crops_of, packed, plan_of, run
from torch import nn
from training import alternate, prepare

from esr.recipes.engine_settings import EngineSettings
from esr.training.checkpoints import Checkpoints
from esr.training.engine import Engine
from esr.training.helper_parts import Silence
from esr.training.loop import train
from esr.weights.weights_file import data_range_of
from on_gpu.extent import Given
from on_gpu.notes import Notes

ROOT = Path(__file__).resolve().parents[2]
EXACT = ("R2Net", "IFADNet", "SlimRLFN")
LONGEST = 120  # seconds that a killed training may take to its first checkpoint


def tests(given: Given, notes: Notes, _: str) -> None:
    """The tests that need a GPU, by pytest: how many passed, and which did not."""
    files = [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if "pytest.mark.gpu" in path.read_text()]

    def measured() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            options = ["-n", "0", "-q", "-m", "gpu", "-p", "no:cacheprovider", f"--junitxml={report}"]
            subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, check=False)
            if not report.exists():
                raise FileNotFoundError("pytest did not begin; what it said stands above")
            return outcome(ElementTree.parse(report))

    found = measured()
    if found["failed"]:
        notes.failed("gpu", AssertionError(f"{len(found['failed'])} tests failed: {', '.join(found['failed'])}"))
    notes.once("gpu", lambda: found)


def outcome(report: Any) -> dict[str, Any]:
    """What a JUnit report says: tests that passed, that were skipped, and those that failed, by name."""
    cases = list(report.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    names = [f"{case.get('classname')}::{case.get('name')}" for case in failed]
    return {"passed": len(cases) - len(failed) - skipped, "skipped": skipped, "failed": names}


def exact_task(given: Given, network: str) -> Task:
    """A training whose weights are compared."""
    extent = given.extent
    return Task(f"{network} training", extent.exact_batch, extent.exact_patch, extent.exact_iterations, warm_up=0)


def against_cpu(given: Given, notes: Notes, _: str) -> None:
    """Weights after a training in fp32 on the GPU, against the CPU's; beside it, what the order of sums does alone.

    The same training on a CPU with another layout sums in another order. How far that moves the weights says how near
    two right trainings can be expected to be: of SlimRLFN's, whose attention is saturated at first, not near at all.
    """
    prepare(given.work, given.extent.photographs, None)
    cpu, images = torch.device("cpu"), packed(given.work)
    on_cpu = Engine(EngineSettings(), cpu)
    on_cpu.set_up_process()

    def distances(network: str) -> dict[str, Any]:
        task = exact_task(given, network)

        def trained(engine: Engine) -> torch.Tensor:
            return weights_of(run(task, engine, crops_of(images, task, engine.device), Silence()))

        begin, right = weights_of(task.build()), trained(on_cpu)
        other_layout = apart(trained(ContiguousEngine(EngineSettings(), cpu)), right, begin)
        return {"GPU": apart(trained(engine_of("fp32")), right, begin), "CPU, other layout": other_layout}

    for network in EXACT:
        notes.tried(network, partial(distances, network))


def weights_of(network: nn.Module) -> torch.Tensor:
    """All weights in one vector, float64, on the CPU."""
    return torch.cat([tensor.detach().double().cpu().flatten() for tensor in network.state_dict().values()])


def apart(one: torch.Tensor, other: torch.Tensor, begin: torch.Tensor) -> dict[str, float]:
    """How far two trainings ended from each other: as a part of how far one went, and of its largest weight."""
    return {
        "of_the_way": float((one - other).norm() / (other - begin).norm()),
        "of_the_largest": float((one - other).abs().max() / other.abs().max()),
    }


def same_bytes(given: Given, notes: Notes, _: str) -> None:
    """``deterministic: true`` gives the same bytes twice, eager and recorded; and what it costs."""
    prepare(given.work, given.extent.photographs, None)
    extent, images = given.extent, packed(given.work)
    task = replace(exact_task(given, "SlimRLFN"), batch=extent.batch, patch=extent.patch, iterations=extent.iterations)

    def digest(name: str) -> str:
        return digest_of(run(task, engine_of(name), crops_of(images, task, DEVICE), Silence()))

    def twice(name: str) -> dict[str, Any]:
        found = [digest(name), digest(name)]
        return {"same": found[0] == found[1], "sha256": found}

    for name in ("deterministic tf32", "graph deterministic tf32", "tf32"):
        notes.tried(f"twice, {name}", partial(twice, name))
    timed = replace(task, warm_up=extent.warm_up)
    for words in ("tf32", "graph tf32"):
        ways = {name: partial(speed_of, timed, name, given.work) for name in (words, f"{words} deterministic")}
        notes.tried(f"price, {words}", partial(alternate, ways, extent.rounds))


def digest_of(network: nn.Module) -> str:
    """sha256 of every bit of the weights, in the order of their names."""
    found = hashlib.sha256()
    for _, tensor in sorted(network.state_dict().items()):
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def killed(given: Given, notes: Notes, _: str) -> None:
    """A training that was killed after its first checkpoint ends with the bytes of one that was not."""
    prepare(given.work, given.extent.photographs, None)

    def measured(words: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            unkilled = _trained_aside(given, words, Path(folder, "unkilled"), kill=False)
            stopped = _trained_aside(given, words, Path(folder, "killed"), kill=True)
            resumed = _trained_aside(given, words, Path(folder, "killed"), kill=False)
        if stopped is not None:
            raise AssertionError("the training ended before it could be killed; let it be longer")
        return {"same": unkilled == resumed is not None, "sha256": [unkilled, resumed]}

    for words in ("tf32 deterministic", "graph tf32 deterministic"):
        notes.tried(words, partial(measured, words))


def _trained_aside(given: Given, words: str, folder: Path, kill: bool) -> str | None:
    """Train in a process of its own, with checkpoints in ``folder``; its digest, or None where it was killed."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_train_into, args=(given, words, folder, send))
    process.start()
    send.close()
    if kill:
        end = time.monotonic() + LONGEST
        while process.is_alive() and not (folder / "latest.ckpt").exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    try:
        digest: str | None = receive.recv()
    except EOFError:
        digest = None
    process.join()
    return digest


def _train_into(given: Given, words: str, folder: Path, send: Any) -> None:
    task = replace(exact_task(given, "SlimRLFN"), iterations=given.extent.killed_iterations)
    network, engine = task.build(), engine_of(words)
    plan = plan_of(task, network, engine, crops_of(packed(given.work), task, DEVICE))
    folder.mkdir(parents=True, exist_ok=True)
    send.send(digest_of(train(network, plan, Checkpoints(folder), Silence())[0]))


def networks(given: Given, notes: Notes, _: str) -> None:
    """Every network: the same bytes from two deterministic trainings, and the GPU's output against the CPU's."""
    prepare(given.work, given.extent.photographs, None)
    images = packed(given.work)

    def measured(name: str) -> dict[str, Any]:
        task = Task(f"{name} training", 4, 64, iterations=3, warm_up=0)
        engine = engine_of("tf32 deterministic")
        found = [digest_of(run(task, engine, crops_of(images, task, DEVICE), Silence())) for _ in range(2)]
        levels = levels_from_cpu(replace(task, network=f"{name} deploy"))
        return {"same": found[0] == found[1], "levels_of_255": levels}

    for name in given.extent.networks:
        notes.tried(name, partial(measured, name))


def levels_from_cpu(task: Task) -> float:
    """The largest difference of the network's output in fp32 on this device to the CPU's, in levels of 255."""
    network = task.build().eval()
    scale = data_range_of(network)
    image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * scale
    fp32 = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with torch.inference_mode(), fp32:
        right = network(image)
        found = network.to(DEVICE)(image.to(DEVICE)).cpu()
    return float((found - right).abs().max()) * 255 / scale
