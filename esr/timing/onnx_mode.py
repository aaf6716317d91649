"""A network as an ONNX file, and the file run by onnxruntime."""

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

INPUT, OUTPUT = "lr", "sr"
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def export_onnx(network: nn.Module, path: Path, size: tuple[int, int] = (256, 256)) -> None:
    """Write ``network`` as an ONNX file in fp32, for one image of ``size`` (LR height and width).

    Its input ``lr`` is (1, 3, height, width), its output ``sr`` (1, 3, 4 height, 4 width), both in the network's range.
    The size is fixed: a network decides by it whether it has to pad. The network is left as it is.
    """
    image = torch.zeros(1, 3, *size)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own workings
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(
                network,
                (image,),
                path,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamo=True,
                external_data=False,
                verbose=False,
            )


def with_onnxruntime(network: nn.Module, image: Tensor, path: Path) -> Callable[[], Tensor]:
    """A runner of ``network`` (on the CPU) over ``image`` by onnxruntime, with as many threads as PyTorch has.

    ``path`` is where the ONNX file is written; it is read at once and not needed afterwards.
    """
    import onnxruntime

    export_onnx(network, path, (image.shape[2], image.shape[3]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Its threads would go on looking for work after a pass, on the cores of whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    pixels = {INPUT: image.contiguous().numpy()}
    return lambda: torch.from_numpy(session.run([OUTPUT], pixels)[0])


def why_no_onnxruntime(device: torch.device) -> str:
    """Why onnxruntime cannot run here; empty where it can."""
    if device.type != "cpu":
        return "is measured on a CPU only"
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed: pip install 'esr[onnx]'" if absent else ""
