"""The memory of a pass, with a network whose features are known by hand."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from esr.timing import memory
from esr.timing.memory import peak_memory

CPU = torch.device("cpu")


class Wide(nn.Module):
    """Holds an image's features of 64 channels in fp32, and weights of 4 MiB."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1024, 1024))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True).repeat(1, 64, 1, 1) + 1


def test_features_and_weights_are_counted() -> None:
    """512 x 512 px: 64 channels in fp32 are 64 MiB, twice (repeat, sum); the weights 4 MiB."""
    found = peak_memory(Wide, (512, 512), CPU)
    assert found is not None
    assert found + 2 >= 4 + 2 * 64 and found < 4 + 2 * 64 + 24  # a mean and malloc's arenas


def test_where_the_system_does_not_say_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CLEAR", tmp_path / "no folder" / "clear_refs")
    assert memory._on_cpu(Wide, (16, 16)) is None
