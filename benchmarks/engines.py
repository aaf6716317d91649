"""The networks of a weights file as other engines run them: eager PyTorch, onnxruntime, OpenVINO and ncnn, in fp32.

What is not installed is missing. Install it away from esr, and name its folder in PYTHONPATH::

    pip install --no-deps --target ENGINES onnx protobuf ml_dtypes flatbuffers onnxruntime openvino \\
        openvino-telemetry ncnn pnnx opencv-python-headless
"""

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float32]
Run = Callable[[Floats], Floats]
"""A network on (1, 3, H, W), which gives (1, 3, 4H, 4W)."""
Engine = Callable[[nn.Module, Path, int], Run]
"""Prepares a network, with a folder for its files, to run with so many threads."""

SIDE = 64  # LR px of the image with which a network is traced; every engine then takes any size


def pytorch(network: nn.Module, folder: Path, threads: int) -> Run:
    """Eager, contiguous, without gradients: as the challenge's test script runs it."""

    def run(x: Floats) -> Floats:
        torch.set_num_threads(threads)
        with torch.no_grad():
            y: Floats = network(torch.from_numpy(x)).numpy()
            return y

    return run


def onnxruntime(network: nn.Module, folder: Path, threads: int) -> Run:
    """Its CPU provider, every optimisation on, which is the default."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(onnx_file(network, folder), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def openvino(network: nn.Module, folder: Path, threads: int) -> Run:
    """For latency, which is its default; fp32, which is not where the CPU has bf16."""
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(onnx_file(network, folder), "CPU", settings)
    return lambda x: np.array(compiled([x])[0])


def ncnn(network: nn.Module, folder: Path, threads: int) -> Run:
    """Converted by pnnx with fp32 weights; its 3x3 are Winograd's, which round otherwise."""
    import ncnn as library

    param, weights = ncnn_files(network, folder)
    net = library.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.load_param(param)
    net.load_model(weights)

    def run(x: Floats) -> Floats:
        with net.create_extractor() as extractor:
            extractor.input("in0", library.Mat(x[0]))
            return np.array(extractor.extract("out0")[1])[None]

    return run


ENGINES: dict[str, Engine] = {"pytorch": pytorch, "onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn}
PACKAGES = {
    "pytorch": ["torch"],
    "onnxruntime": ["onnxruntime", "onnx"],
    "openvino": ["openvino", "onnx"],
    "ncnn": ["ncnn", "pnnx"],
}


def missing(engine: str) -> list[str]:
    """The packages that an engine needs and that are not installed."""
    return [name for name in PACKAGES[engine] if importlib.util.find_spec(name) is None]


def onnx_file(network: nn.Module, folder: Path) -> str:
    """The network as ONNX, with free height and width."""
    path = folder / "network.onnx"
    if not path.exists():
        axes = {"x": {2: "height", 3: "width"}, "y": {2: "height4", 3: "width4"}}
        names: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": axes}
        torch.onnx.export(network, (example(),), str(path), dynamo=False, **names)
    return str(path)


def ncnn_files(network: nn.Module, folder: Path) -> tuple[str, str]:
    """The network's layers and weights as ncnn reads them."""
    import pnnx

    paths = folder / "network.ncnn.param", folder / "network.ncnn.bin"
    if not all(path.exists() for path in paths):
        traced = torch.jit.trace(network, example())  # type: ignore[no-untyped-call]
        traced.save(str(folder / "network.pt"))
        shapes = [f"inputshape=[1,3,{SIDE},{SIDE}]", f"inputshape2=[1,3,{SIDE // 2},{2 * SIDE}]"]
        command = [pnnx.EXEC_PATH, "network.pt", *shapes, "fp16=0"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return str(paths[0]), str(paths[1])


def example() -> torch.Tensor:
    """An input to trace with."""
    return torch.rand(1, 3, SIDE, SIDE)
