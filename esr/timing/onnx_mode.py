"""A network run by onnxruntime."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from esr.inference.onnx_file import INPUT, OUTPUT, to_onnx, without_onnx


def with_onnxruntime(network: nn.Module, image: Tensor) -> Callable[[], Tensor]:
    """A runner of ``network`` (on the CPU) over ``image`` by onnxruntime, with as many threads as PyTorch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Its threads would go on looking for work after a pass, on the cores of whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    model = to_onnx(network, image).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    pixels = {INPUT: image.contiguous().numpy()}
    return lambda: torch.from_numpy(session.run([OUTPUT], pixels)[0])


def why_no_onnxruntime(device: torch.device) -> str:
    """Why onnxruntime cannot run here; empty where it can."""
    return "is measured on a CPU only" if device.type != "cpu" else without_onnx()
