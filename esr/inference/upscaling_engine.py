"""By what ``esr upscale`` computes: PyTorch, or OpenVINO where that is there, is equal and pays."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import nn

from esr.common.errors import EsrError, on_one_line
from esr.inference.openvino_network import OpenVinoGraph, why_not_equal, without_openvino

EngineName = Literal["auto", "pytorch", "openvino"]

LONGEST_REASON = 160
PAYS_FROM = 3.5e11
"""Multiply-accumulates for each thread, which are nearly parameters x pixels.

To load OpenVINO, record a network, compile and check it takes a second or so, which RLFN saves again in ten seconds of
work, nearly; at 1.8 times as much it is faster than PyTorch by the whole interval (benchmarks/upscale_engines.py).
"""


class UpscalingEngine(NamedTuple):
    """What images go through.

    Attributes:
        name: for people.
        ready_for: makes what runs so many images at once, a copy of it each.
    """

    name: str
    ready_for: Callable[[int], nn.Module]


def choose_engine(
    asked: EngineName, network: nn.Module, data_range: float, pixels: int, trusted: bool
) -> UpscalingEngine:
    """The engine for images of ``pixels`` LR px in all.

    Left to choose, it is OpenVINO on a CPU if that is installed, there is enough to do, and it computes what PyTorch
    does on images of three sizes.

    Args:
        asked: by the user.
        network: where it is to run, in eval mode; it is left as it is.
        data_range: of the network.
        pixels: of all images.
        trusted: whether the network's code is known to treat all sizes alike. A recorded graph does not notice where
            one decides by the size of the image, so that others go through OpenVINO only when asked.

    Raises:
        EsrError: OpenVINO is asked for and cannot be used.
    """
    plain = UpscalingEngine("PyTorch", lambda images: network)
    if asked == "pytorch":
        return plain
    on_gpu = next(network.parameters()).is_cuda
    reason = without_openvino()
    if asked == "auto" and (reason or on_gpu or not trusted or _work_each(network, pixels) < PAYS_FROM):
        return plain
    if not reason:
        try:
            graph = OpenVinoGraph(network)
            reason = why_not_equal(graph.compiled(1, torch.get_num_threads()), data_range)
        except Exception as error:  # whatever it raises of a network that it does not know
            reason = on_one_line(error)[:LONGEST_REASON]
    if not reason:
        return UpscalingEngine("OpenVINO", lambda images: graph.compiled(images, torch.get_num_threads()))
    if asked == "openvino":
        raise EsrError(f"--engine openvino cannot be used ({reason}); leave it out, and PyTorch is used")
    return plain._replace(name=f"PyTorch, as OpenVINO cannot be used ({reason})")


def _work_each(network: nn.Module, pixels: int) -> float:
    return pixels * sum(parameter.numel() for parameter in network.parameters()) / torch.get_num_threads()
