"""The organisers' loader as their README describes it: a function with a branch for each entry, in their repository."""

import importlib
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

LOADER = """
import os.path
import torch


def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        raise NotImplementedError("the baseline")
{branch}    else:
        raise NotImplementedError(f"Model {{model_id}} is not implemented.")
    model.eval()
    tile = None
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model.to(device), name, data_range, tile


def forward(image, model, tile):
    assert tile is None
    return model(image)
"""


@dataclass(frozen=True)
class Loaded:
    """What ``select_model`` gives, and the passing of a whole image (N, 3, H, W) through it."""

    model: nn.Module
    name: str
    data_range: float
    run: Any

    def enlarged(self, image: Tensor) -> Tensor:
        """What the organisers would score."""
        output: Tensor = self.run(image, self.model, None)
        return output


@contextmanager
def loaded(submission: Path, team: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loaded]:
    """The entry of a submission's folder, loaded in that folder by the organisers' loader with its branch put in."""
    branch = (submission / "select_model.txt").read_text()
    (submission / "test_demo.py").write_text(LOADER.format(branch=branch))
    before = set(sys.modules)
    with monkeypatch.context() as there:
        there.chdir(submission)
        there.syspath_prepend(str(submission))
        importlib.invalidate_caches()
        try:
            demo = importlib.import_module("test_demo")
            model, name, data_range, tile = demo.select_model(Namespace(model_id=team), torch.device("cpu"))
            assert tile is None
            yield Loaded(model, name, data_range, demo.forward)
        finally:
            for module in set(sys.modules) - before:
                if module.split(".")[0] in ("test_demo", "models"):
                    del sys.modules[module]
