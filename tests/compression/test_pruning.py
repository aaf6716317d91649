"""Structured pruning: the weakest channels go, what nobody misses changes nothing, and the result stands on its own."""

import csv
import shutil
import subprocess
import sys
from typing import Any

import pytest
import safetensors
import torch
from torch import nn

from esr.compression.channels import remove_channels, widths_of
from esr.networks.slimrlfn import SlimRLFN
from esr.weights.weights_file import load_network
from tests.tiny_project import Project, wait_for


@pytest.fixture
def network() -> SlimRLFN:
    torch.manual_seed(0)
    return SlimRLFN(blocks=2, deploy=True).eval()


def silence(network: SlimRLFN, name: str, *channels: int) -> None:
    """Make output channels of a convolution vanish: zero filters and biases."""
    conv = network.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    with torch.no_grad():
        for channel in channels:
            conv.weight[channel] = 0
            assert conv.bias is not None
            conv.bias[channel] = 0


def test_silent_channels_go_first_and_the_output_stays(network: SlimRLFN) -> None:
    image = torch.rand(1, 3, 17, 23) * 255
    silence(network, "blocks.0.conv1", 3, 8)
    silence(network, "blocks.1.conv2", 29)
    before = network(image).detach()
    assert remove_channels(network, network.prunable(), 3, "layer_mean") == 3
    assert widths_of(network, network.prunable()) == [28, 30, 30, 29]
    assert torch.allclose(network(image), before, atol=1e-3)  # float32 sums of another length, range 255


def test_only_what_may_shrink_shrinks(network: SlimRLFN) -> None:
    shapes = {name: tuple(weight.shape) for name, weight in network.named_parameters()}
    remove_channels(network, network.prunable(), 20, "layer_mean")
    changed = {
        name.rsplit(".", 1)[0] for name, weight in network.named_parameters() if tuple(weight.shape) != shapes[name]
    }
    assert changed <= {f"blocks.{block}.{conv}" for block in (0, 1) for conv in ("conv1", "conv2", "conv3")}
    assert sum(widths_of(network, network.prunable())) == 4 * 30 - 20


def test_layers_keep_four_channels(network: SlimRLFN) -> None:
    assert remove_channels(network, network.prunable(), 1000, "layer_mean") == 4 * 26
    assert widths_of(network, network.prunable()) == [4, 4, 4, 4]


@pytest.mark.slow
def test_the_stage_logs_every_round_and_its_result_loads_without_pickle(made: Project) -> None:
    folder = made.folder / "runs/demo/prune/slimrlfn-pruned"
    rounds = list(csv.DictReader((folder / "rounds.csv").open()))
    assert [int(r["round"]) for r in rounds] == list(range(len(rounds))) and len(rounds) == 2
    assert [int(r["channels"]) for r in rounds] == [360, 350]
    network, info = load_network(folder / "weights.safetensors")
    assert [(r["kept"], r["stopped_by"]) for r in rounds] == [("True", ""), ("True", "prune_rounds_at_most")]
    assert sum(info.arguments["widths"]) == 350
    assert sum(weight.numel() for weight in network.parameters()) == int(rounds[1]["parameters"])
    with safetensors.safe_open(folder / "weights.safetensors", "pt") as file:
        assert list(file.metadata()) == ["esr"]


@pytest.mark.slow
def test_a_stop_in_a_round_and_a_resume_give_the_same_bytes(made: Project, working: Project) -> None:
    """SIGTERM while a round trains: the state is saved, the exit code is 143, the next run goes on from there."""

    def longer(params: dict[str, Any]) -> None:
        params["scales"]["demo"]["training"]["length"].update(prune_round=60, prune_rounds_at_most=2)

    working.edit(longer)
    unstopped = working.copy(working.folder.parent / "unstopped")
    unstopped.well("esr", "prune", "slimrlfn-pruned")
    weights = "runs/demo/prune/slimrlfn-pruned/weights.safetensors"

    checkpoints = working.folder / ".esr/checkpoints/demo/prune"
    shutil.rmtree(checkpoints)
    command = [sys.executable, "-m", "esr", "prune", "slimrlfn-pruned"]
    stage = subprocess.Popen(command, cwd=working.folder, env=working.environment(), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any(checkpoints.glob("*/*/round-002/latest.ckpt")), 120)
    stage.terminate()
    said = stage.communicate(timeout=60)[1]
    if stage.returncode != 0:  # it may have been faster than the signal
        assert stage.returncode == 143
        assert "was asked to stop at iteration" in said
    working.well("esr", "prune", "slimrlfn-pruned")
    assert working.weights()[weights] == unstopped.weights()[weights]
