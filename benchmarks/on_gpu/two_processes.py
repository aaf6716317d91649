"""Two processes of one training: on two GPUs where there are two, else both on the one, which NCCL refuses to serve."""

import multiprocessing
import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from engine_variants import DEVICE, engine_of
from timed_training import crops_of, packed, plan_of, run
from training import prepare

from esr.training.checkpoints import Checkpoints
from esr.training.helper_parts import OnlyRead, Silence, plan_of_helper
from esr.training.loop import train
from esr.training.ranks import Ranks
from on_gpu.extent import Given
from on_gpu.notes import Notes
from on_gpu.right import apart, exact_task, weights_of

COUNT = 2
NETWORK = "R2Net"  # whose weights depend little on the order of sums
ITERATIONS = 20


def two_processes(given: Given, notes: Notes, _: str) -> None:
    """Weights after 20 iterations in fp32, shared by two processes, against those of one."""
    prepare(given.work, given.extent.photographs, None)
    two_gpus = torch.cuda.device_count() >= COUNT

    def measured() -> dict[str, Any]:
        task = replace(exact_task(given, NETWORK), iterations=min(ITERATIONS, given.extent.exact_iterations))
        alone = weights_of(run(task, engine_of("fp32"), crops_of(packed(given.work), task, DEVICE), Silence()))
        with tempfile.TemporaryDirectory() as folder:
            context = multiprocessing.get_context("spawn")
            processes = [context.Process(target=_share, args=(given, rank, two_gpus, folder)) for rank in range(COUNT)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            shared = torch.load(Path(folder, "weights.pt"), weights_only=True)
        return {"gpus": COUNT if two_gpus else 1, **apart(shared, alone, weights_of(task.build()))}

    notes.once("weights", measured)


def _share(given: Given, rank: int, two_gpus: bool, folder: str) -> None:
    """One of the processes; the first keeps the weights."""
    if two_gpus:
        torch.cuda.set_device(rank)
    os.environ.update(GLOO_SOCKET_IFNAME="lo", NCCL_SOCKET_IFNAME="lo")
    meeting = Path(folder, "meeting").as_uri()
    torch.distributed.init_process_group(
        "nccl" if two_gpus else "gloo",
        init_method=meeting,
        rank=rank,
        world_size=COUNT,
        timeout=timedelta(minutes=2),
    )
    task = replace(exact_task(given, NETWORK), iterations=min(ITERATIONS, given.extent.exact_iterations))
    network, engine, ranks = task.build(), engine_of("fp32", ranks=COUNT), Ranks(rank, COUNT)
    batches = crops_of(packed(given.work), task, DEVICE, rank=rank, ranks=COUNT)
    plan = plan_of(task, network, engine, batches, ranks=ranks)
    if rank:
        train(network, plan_of_helper(plan), OnlyRead(Path(folder)), Silence())
    else:
        trained, _ = train(network, plan, Checkpoints(Path(folder)), Silence())
        torch.save(weights_of(trained), Path(folder, "weights.pt"))
    torch.distributed.destroy_process_group()
