"""A network as an ONNX file, by PyTorch's own exporter."""

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

INPUT, OUTPUT = "lr", "sr"
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def without_onnx() -> str:
    """Which packages for ONNX are missing, with the remedy; empty where all are there."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed: pip install 'esr[onnx]'" if absent else ""


def to_onnx(network: nn.Module | ExportedProgram, image: Tensor) -> Any:
    """A network as an ``onnx.ModelProto``, with its weights inside; the network is left as it is.

    The input ``lr`` is of ``image``'s shape (N, 3, H, W) and precision, the output ``sr`` (N, 3, 4H, 4W), both in the
    network's range. The sizes are fixed, as a network decides by them whether it has to pad, unless they are free in a
    program that was exported before.
    """
    with torch.no_grad(), silent_exporter():
        program = torch.onnx.export(
            network, (image,), input_names=[INPUT], output_names=[OUTPUT], dynamo=True, verbose=False
        )
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def silent_exporter() -> Iterator[None]:
    """Without what PyTorch's exporters say of their own workings, such as that torchvision is not installed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
