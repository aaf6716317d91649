"""One training on several devices: a process each, with an equal share of every batch; torch's DDP adds up.

Rank 0 is the stage itself: it alone saves, validates and prints. The others only compute; each reads a pipe from
rank 0 and ends when rank 0 has ended in any way, so that none is left holding a GPU. They meet through a file and talk
over the loopback interface: nothing listens on a network.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from esr.common.errors import EsrError

GRACE = 1.0  # seconds in which a helper's end is seen
LONGEST_VALIDATION = timedelta(hours=6)  # of a helper for rank 0, which validates alone


@dataclass(frozen=True)
class Ranks:
    """One process of a training and how many there are.

    With equal shares the mean over all ranks of the mean over a share is the mean over the batch, so gradients and
    losses do not depend on the number of ranks, but for the order in which floats are added.
    """

    rank: int = 0
    count: int = 1

    def shared(self, network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """What to call for a forward pass, so that its gradients are the mean over all ranks."""
        if self.count == 1:
            return network
        assert isinstance(network, nn.Module)
        return DistributedDataParallel(network)

    def mean(self, loss: Tensor) -> Tensor:
        """The mean of a scalar over all ranks."""
        if self.count == 1:
            return loss
        total = loss.clone()
        torch.distributed.all_reduce(total)
        return total / self.count


ALONE = Ranks()


@contextmanager
def together(count: int, helper: Sequence[str], task: object) -> Iterator[Ranks]:
    """Rank 0 of ``count``; the others run the command ``helper``, which calls ``join_ranks``, then ``handed_over``.

    The helpers get ``task`` as it is, so that they cannot read other parameters than rank 0 has.

    Raises:
        EsrError: a helper has died.
    """
    if count == 1:
        yield ALONE
        return
    over = threading.Event()
    with TemporaryDirectory() as folder:
        meeting = Path(folder, "meeting")
        _task_beside(meeting).write_bytes(pickle.dumps(task))
        helpers = [_start(helper, rank, count, meeting) for rank in range(1, count)]
        for process in helpers:
            threading.Thread(target=_die_with, args=(process, over), daemon=True).start()
        try:
            yield _meet(0, count, meeting)
        except RuntimeError as error:
            dead = _dead(helpers)
            if dead:
                raise EsrError(f"{_said_of(dead)}; what it said is above") from error
            raise
        finally:
            over.set()
            for process in helpers:
                process.kill()
                process.wait()
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()


def join_ranks() -> Ranks:
    """In a helper: meet the others. From now on this process ends with rank 0, and not by a signal to the group."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    threading.Thread(target=_end_with_rank_0, daemon=True).start()
    return _meet(int(os.environ["LOCAL_RANK"]), int(os.environ["ESR_RANKS"]), Path(os.environ["ESR_MEETING"]))


def handed_over() -> object:
    """In a helper: the task that rank 0 has."""
    task: object = pickle.loads(_task_beside(Path(os.environ["ESR_MEETING"])).read_bytes())
    return task


def _task_beside(meeting: Path) -> Path:
    return meeting.with_name("task")


def _start(command: Sequence[str], rank: int, count: int, meeting: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "LOCAL_RANK": str(rank), "ESR_RANKS": str(count), "ESR_MEETING": str(meeting)}
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)


def _dead(helpers: Sequence[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes] | None:
    """A helper that has failed, which is why talking to it failed; its end may be seen a little later."""
    time.sleep(GRACE)
    return next((process for process in helpers if process.poll()), None)


def _die_with(process: subprocess.Popen[bytes], over: threading.Event) -> None:
    """End this process when a helper fails: on GPUs, rank 0 would wait for it in vain, and cannot be interrupted."""
    if process.wait() and not over.wait(3 * GRACE):
        print(f"esr: {_said_of(process)}; what it said is above", file=sys.stderr, flush=True)
        os._exit(2)


def _said_of(process: subprocess.Popen[bytes]) -> str:
    return f"process {process.pid}, one of the training's GPUs, ended with code {process.returncode}"


def _meet(rank: int, count: int, meeting: Path) -> Ranks:
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(rank)
    os.environ.update(GLOO_SOCKET_IFNAME="lo", NCCL_SOCKET_IFNAME="lo")
    torch.distributed.init_process_group(
        "nccl" if cuda else "gloo",
        init_method=meeting.as_uri(),
        rank=rank,
        world_size=count,
        timeout=LONGEST_VALIDATION,
    )
    return Ranks(rank, count)


def _end_with_rank_0() -> None:
    sys.stdin.buffer.read()  # returns when the pipe's other end is gone
    os._exit(1)
