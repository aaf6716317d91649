"""A network on a CPU by OpenVINO, in fp32: Intel's runtime, an optional extra, which is faster there than PyTorch."""

import copy
import importlib.util
import sys
from typing import Any

import torch
from torch import Tensor, nn

from esr.inference.onnx_file import silent_exporter

SMALLEST = 32  # px of height and width: what is smaller a network may have to pad, which a recorded graph does not do
TRIED = ((SMALLEST, SMALLEST + 8), (SMALLEST + 15, SMALLEST + 1), (SMALLEST + 29, SMALLEST + 22))
"""Heights and widths on which a graph is held against PyTorch: it is recorded at the first of them."""
LARGEST_DIFFERENCE = 1e-4
"""Of the data range; what fp32 rounds in another order stays far below."""


def without_openvino() -> str:
    """That OpenVINO is missing, with the remedy; empty where it is there."""
    return "" if importlib.util.find_spec("openvino") else "openvino is not installed: pip install 'esr[openvino]'"


class OpenVinoGraph:
    """A network as a graph of OpenVINO's, for images of any size from SMALLEST on."""

    def __init__(self, network: nn.Module) -> None:
        """Record what ``network`` (on the CPU, in eval mode) does; it is left as it is.

        Raises:
            Exception: whatever OpenVINO raises where it cannot.
        """
        openvino = _import_openvino()
        self._network, self._core = network, openvino.Core()
        with torch.no_grad(), silent_exporter():
            image = torch.zeros(1, 3, *TRIED[0])
            # PyTorch's check of what it recorded imports for a second; ours, by several sizes, follows.
            recorded = torch.jit.trace(network, image, check_trace=False)  # type: ignore[no-untyped-call]
            self._model = openvino.convert_model(recorded, example_input=image, input=[1, 3, -1, -1])

    def compiled(self, streams: int, threads: int) -> "OpenVinoNetwork":
        """The graph ready to run ``streams`` images at once, by ``threads`` threads in all; copies of it share both."""
        settings = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",  # else bf16 where the processor has it
        }
        return OpenVinoNetwork(self._network, self._core.compile_model(self._model, "CPU", settings))


class OpenVinoNetwork(nn.Module):
    """A network of which OpenVINO runs what its graph takes, and PyTorch the rest.

    A copy runs beside the original.

    Attributes:
        by_pytorch: the network itself.
    """

    def __init__(self, network: nn.Module, compiled: Any) -> None:
        super().__init__()
        self.by_pytorch = network
        self._compiled, self._request = compiled, compiled.create_infer_request()

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < SMALLEST:
            y: Tensor = self.by_pytorch(x)
            return y
        return torch.from_numpy(self._request.infer([x.contiguous().numpy()], share_inputs=True)[0])

    def __deepcopy__(self, memo: dict[int, Any]) -> "OpenVinoNetwork":
        return OpenVinoNetwork(copy.deepcopy(self.by_pytorch, memo), self._compiled)


def why_not_equal(network: OpenVinoNetwork, data_range: float) -> str:
    """What is wrong with what OpenVINO computes, beside PyTorch, on small images of several sizes; empty if nothing."""
    generator = torch.Generator().manual_seed(0)
    for size in TRIED:
        image = torch.rand(1, 3, *size, generator=generator) * data_range
        with torch.inference_mode():
            expected, output = network.by_pytorch(image), network(image)
        if output.shape != expected.shape:
            return f"it makes {tuple(output.shape)} of {tuple(image.shape)}"
        difference = float((output - expected).abs().max()) / data_range
        if not difference <= LARGEST_DIFFERENCE:  # a NaN fails, too
            return f"it differs from PyTorch by {difference:.1e} of the range"
    return ""


def _import_openvino() -> Any:
    """OpenVINO without its telemetry, which would tell its makers of every import and every conversion."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
