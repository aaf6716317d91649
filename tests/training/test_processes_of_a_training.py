"""Several processes of one training, with helpers of a few lines: what they share, and how they end."""

import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from esr.common.errors import EsrError
from esr.training import ranks as module
from esr.training.ranks import ALONE, Ranks, together
from tests.tiny_project import wait_for

HELPER = """
import os, signal, sys, time
import torch
from torch import nn
from esr.training.ranks import handed_over, join_ranks
ranks = join_ranks()
task = handed_over()
"""
SHARES = """
for name in (signal.SIGTERM, signal.SIGINT):
    os.kill(os.getpid(), name)  # a scheduler's stop goes to the whole group: rank 0 alone decides
network = nn.Linear(1, 1, bias=False)
forward = ranks.shared(network)
(forward(torch.full((1, 1), task["x"])) * ranks.rank * ranks.count).sum().backward()
ranks.mean(torch.tensor(task["x"] + network.weight.grad.item()))
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.timeout(600)
def test_gradients_and_losses_are_means_over_all_processes() -> None:
    """Gradients: 4 at rank 0, x = 3 times 1 times 2 at rank 1, so 5 at both. Losses: 1, and 3 + 5, so 4.5."""
    before = psutil.Process().children()
    with together(2, [sys.executable, "-c", HELPER + SHARES], {"x": 3.0}) as ranks:
        assert (ranks.rank, ranks.count) == (0, 2)
        helpers = [process for process in psutil.Process().children() if process not in before]
        network = nn.Linear(1, 1, bias=False)
        forward = ranks.shared(network)
        torch.autograd.backward(forward(torch.ones(1, 1)) * 4)
        assert network.weight.grad is not None
        assert network.weight.grad.item() == pytest.approx(5.0)
        loss = torch.tensor(1.0)
        assert ranks.mean(loss).item() == pytest.approx(4.5)
        assert loss.item() == 1.0
    assert len(helpers) == 1 and not helpers[0].is_running()
    assert not torch.distributed.is_initialized()


def test_a_process_that_is_alone_starts_nobody_and_shares_nothing() -> None:
    with together(1, ["/no/such/program"], None) as ranks:
        assert ranks == ALONE == Ranks(0, 1)
        network, loss = nn.Linear(1, 1), torch.tensor(2.0)
        assert ranks.shared(network) is network
        assert ranks.mean(loss) is loss


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (["exit 0", "exit 3"], r"process \d+, one of the training's GPUs, ended with code 3; what it said is above"),
        (["kill -9 $$", "exit 0"], r"process \d+, one of the training's GPUs, ended with code -9; what it said .*"),
        (["exit 0", "exit 0"], None),
    ],
)
def test_a_helper_s_failure_is_told_where_talking_to_it_fails(
    ends: list[str], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Helpers that end well are not to blame: then it is the exchange's own failure that is told."""
    sleep = time.sleep
    monkeypatch.setattr(module, "_meet", lambda rank, count, meeting: Ranks(rank, count))
    monkeypatch.setattr(module, "GRACE", 60.0)  # what waits for rank 0 to end by itself is as patient
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 60))
    script = f"case $LOCAL_RANK-$ESR_RANKS in 1-3) {ends[0]};; 2-3) {ends[1]};; *) exit 9;; esac"
    with (
        pytest.raises(EsrError if told else RuntimeError) as raised,
        together(3, ["sh", "-c", script], None),
    ):
        sleep(0.5)
        raise RuntimeError("connection closed")
    assert re.fullmatch(told or "connection closed", str(raised.value))


RANK_0 = """
import os, sys, time
from pathlib import Path
from esr.training.ranks import together
with together(2, [sys.executable, "-c", sys.argv[1]], None) as ranks:
"""


def rank_0(does: str, helper: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-c", RANK_0 + does, HELPER + helper]
    return subprocess.run(program, capture_output=True, text=True, check=False, timeout=500)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_helper_that_fails_ends_rank_0_which_would_wait_for_it_in_vain() -> None:
    done = rank_0("    time.sleep(100)", "print('what it said', file=sys.stderr, flush=True); os._exit(3)")
    assert done.returncode == 2
    first, last = [line for line in done.stderr.splitlines() if "said" in line]
    assert first == "what it said"
    told = r"esr: process \d+, one of the training's GPUs, ended with code 3; what it said is above"
    assert re.fullmatch(told, last), last


@pytest.mark.timeout(600)
def test_a_helper_ends_with_rank_0_however_that_ends(tmp_path: Path) -> None:
    """Rank 0 ends without a word to anybody once the helper has met it."""
    pid = tmp_path / "pid"
    helper = f"open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    waits = f"    pid = Path({str(pid)!r})\n    while not pid.is_file() or not pid.read_text(): time.sleep(0.05)\n"
    done = rank_0(waits + "    os._exit(7)", helper)
    assert done.returncode == 7
    number = int(pid.read_text())
    wait_for(lambda: not psutil.pid_exists(number), 20)
