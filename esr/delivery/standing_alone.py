"""The proof that a submission's model file and checkpoint are the network: its output, bit for bit."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from esr.common.errors import EsrError, on_one_line
from esr.delivery.deployed import Deployed

SIZES = ((32, 48), (64, 40), (17, 23))  # LR height and width; the last one only where the network itself takes it


def fitting_arguments(model_file: Path, deployed: Deployed) -> dict[str, Any]:
    """The constructor's arguments that make the network: those that the file's class still has, unless by default.

    Raises:
        EsrError: the file cannot be imported, or has no such class.
    """
    with _imported(model_file) as module:
        parameters = inspect.signature(getattr(module, deployed.name)).parameters
    given = deployed.info.arguments
    return {name: given[name] for name in parameters if name in given and given[name] != parameters[name].default}


def check_stands_alone(model_file: Path, checkpoint: Path, deployed: Deployed, arguments: Mapping[str, Any]) -> None:
    """Load the checkpoint into the file's own class, and hold its output against the network's.

    Raises:
        EsrError: the file cannot be imported, the checkpoint does not fit, or the outputs differ in a bit.
    """
    with _imported(model_file) as module:
        try:
            alone: nn.Module = getattr(module, deployed.name)(**arguments)
            alone.load_state_dict(torch.load(checkpoint, weights_only=True), strict=True)
            differing = list(_differing(alone.eval(), deployed))
        except Exception as error:  # whatever a network's code raises
            raise _refused(deployed, on_one_line(error)) from error
    if differing:
        raise _refused(deployed, f"the outputs for images of {', '.join(differing)} px differ")


def _differing(alone: nn.Module, deployed: Deployed) -> Iterator[str]:
    generator = torch.Generator().manual_seed(0)
    for index, (height, width) in enumerate(SIZES):
        image = torch.rand(1, 3, height, width, generator=generator) * deployed.info.data_range
        with torch.no_grad():
            try:
                expected = deployed.network(image)
            except Exception:
                if index == len(SIZES) - 1:
                    return
                raise
            if not torch.equal(expected, alone(image)):
                yield f"{width}x{height}"


def _refused(deployed: Deployed, why: str) -> EsrError:
    return EsrError(
        f"network {deployed.file}, written as one file of its own, is not what it was ({why}); "
        "use in it only names of its own, of torch, and of esr's networks"
    )


@contextmanager
def _imported(file: Path) -> Iterator[ModuleType]:
    """The module of a file, under a name that nothing else has; forgotten afterwards."""
    name = f"esr_submission_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise EsrError(
                f"{file.name}, as it would be submitted, cannot be imported: {on_one_line(error)}"
            ) from error
        yield module
    finally:
        del sys.modules[name]
