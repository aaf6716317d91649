"""The running average of a network's weights (EMA), which is what a phase hands on."""

import copy

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of a network's parameters; buffers are copied as they are.

    Early on the decay is (1 + n) / (10 + n) where that is smaller, so that the random first weights do not linger in
    the average of a short phase (the habit of TensorFlow's ExponentialMovingAverage and of timm).

    Args:
        network: what is averaged.
        decay: share of the average that stays at each update; None: no average, the network itself is handed on.
    """

    def __init__(self, network: nn.Module, decay: float | None) -> None:
        self.decay = decay
        self.network = network if decay is None else copy.deepcopy(network).requires_grad_(False)
        self._averages: list[Tensor] = list(self.network.parameters())
        self._current: list[Tensor] = list(network.parameters())
        self._buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))
        self._taken = torch.zeros((), device=self._current[0].device)  # read there, so that a recorded update can

    def prepare(self, updates: int) -> None:
        """Set what the next update takes of the network; ``updates`` is the number of updates before it."""
        if self.decay is not None:
            self._taken.fill_(1 - min(self.decay, (1 + updates) / (10 + updates)))

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network: one operation over all weights at a time."""
        if self.decay is None:
            return
        moves = torch._foreach_sub(self._current, self._averages)
        torch._foreach_mul_(moves, self._taken)
        torch._foreach_add_(self._averages, moves)
        for average, current in self._buffers:
            average.copy_(current)
