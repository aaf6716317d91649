"""Weights files, and the networks that they belong to.

A weights file is a safetensors file with one metadata key, ``esr``: sorted JSON that names the network's file, its
arguments and where the weights come from. It holds no time, host or machine's path, and safetensors orders tensors by
itself: equal weights are equal bytes.
"""

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from esr.errors import EsrError
from esr.files import whole_file

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says of itself.

    Attributes:
        network: the network's file as a recipe row names it, such as ``esr/networks/slimrlfn.py``.
        arguments: the network's constructor arguments, without ``deploy``.
        deploy: whether these are the weights of the deploy form.
        data_range: the range of the network's input and output, 1.0 or 255.0.
        origin: where the weights come from, for people: a stage's name, a released file's.
        inputs: md5 of every file that the weights were made from, by name.
    """

    network: str
    arguments: dict[str, Any]
    deploy: bool
    data_range: float
    origin: str
    inputs: dict[str, str]


def load_class(network_file: str) -> type[nn.Module]:
    """The network class of a network file: what it names ``NETWORK``.

    The path is relative to the current folder; one inside the package, such as ``esr/networks/rlfn.py``, is found
    from any folder. Loading a file runs it, as an import does.

    Raises:
        EsrError: there is no such file, it cannot be imported, or its NETWORK is not a network with a data range.
    """
    path = Path(network_file)
    if not path.is_file():
        path = PACKAGE.parent / network_file
    if not path.is_file() or path.suffix != ".py":
        raise EsrError(f"network {network_file} is not a Python file; name one, such as esr/networks/rlfn.py")
    try:
        network = getattr(_import_file(path.resolve()), "NETWORK", None)
    except Exception as error:
        raise EsrError(
            f"network {network_file} cannot be imported ({type(error).__name__}: {error}); mend it"
        ) from error
    if not (isinstance(network, type) and issubclass(network, nn.Module)):
        raise EsrError(f"network {network_file} defines no NETWORK; end it with NETWORK = its torch.nn.Module class")
    if getattr(network, "data_range", None) not in (1.0, 255.0):
        raise EsrError(f"network {network_file}: give {network.__name__} the class attribute data_range, 1.0 or 255.0")
    return network


def _import_file(path: Path) -> ModuleType:
    if path.is_relative_to(PACKAGE):
        return importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    # Named by its content as well: two files of one name do not meet, and an edited file is read again.
    name = f"esr_network_{hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def build_network(network_file: str, arguments: Mapping[str, Any], deploy: bool = False) -> nn.Module:
    """A network with fresh weights, in its training form or its deploy form.

    Raises:
        EsrError: as for ``load_class``, or the class does not accept these arguments.
    """
    network = load_class(network_file)
    accepted = set(inspect.signature(network).parameters)
    unknown = sorted(set(arguments) - (accepted - {"deploy"}))
    if unknown:
        choice = ", ".join(sorted(accepted - {"deploy"})) or "none"
        raise EsrError(f"network {network_file} has no argument {', '.join(unknown)}; it accepts {choice}")
    form = {"deploy": deploy} if "deploy" in accepted else {}
    try:
        return network(**arguments, **form)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EsrError(f"network {network_file} cannot be built with {dict(arguments)}: {error}") from error


def data_range_of(network: nn.Module) -> float:
    """The range of a network's input and output, 1.0 or 255.0, as its class says."""
    data_range: float = type(network).data_range  # type: ignore[attr-defined]
    return data_range


def check_fit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], complaint: str) -> None:
    """Refuse a state dict that does not hold the expected names and shapes, all of them and no others.

    Raises:
        EsrError: ``complaint``, followed by the tensors that are missing, left over or of another shape.
    """
    common = expected.keys() & state.keys()
    faults = {
        "missing": expected.keys() - common,
        "left over": state.keys() - common,
        "of another shape": {name for name in common if expected[name].shape != state[name].shape},
    }
    told = [f"{len(names)} {fault} ({_some(names)})" for fault, names in faults.items() if names]
    if told:
        raise EsrError(f"{complaint}: tensors {', '.join(told)}; give the file that belongs to it")


def _some(names: Collection[str], at_most: int = 10) -> str:
    more = [f"and {len(names) - at_most} more"] if len(names) > at_most else []
    return ", ".join(sorted(names)[:at_most] + more)


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], culprit: str) -> None:
    """Load a state dict that must fit the network tensor for tensor; ``culprit`` names it in the error.

    Raises:
        EsrError: tensors are missing, left over or of another shape; nothing is loaded then.
    """
    check_fit(state, network.state_dict(), f"{culprit} does not fit {type(network).__name__}")
    network.load_state_dict(state)


def save_weights(path: Path, state: Mapping[str, Tensor], info: WeightsInfo) -> None:
    """Write a state dict, floating-point tensors as fp32, and what it belongs to; whole or not at all.

    Raises:
        EsrError: a weight is not a finite number, or the file cannot be written.
    """
    check_finite(state, str(path))
    tensors = {name: _stored(tensor) for name, tensor in sorted(state.items())}
    metadata = {"esr": json.dumps(dataclasses.asdict(info), sort_keys=True)}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _stored(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().to("cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype)
    return tensor.clone(memory_format=torch.contiguous_format)


def check_finite(state: Mapping[str, Tensor], culprit: str) -> None:
    """Raise EsrError, naming the tensors, where a weight is NaN or infinite."""
    broken = sorted(name for name, tensor in state.items() if not torch.isfinite(tensor).all())
    if broken:
        raise EsrError(f"{culprit}: NaN or infinite weights in {_some(broken)}; train or fetch them again")


def read_info(path: Path) -> WeightsInfo:
    """What a weights file says of itself, without reading its tensors.

    Raises:
        EsrError: the file is missing, broken, or was not written by esr.
    """
    return _read(path, with_tensors=False)[0]


def load_network(path: Path) -> tuple[nn.Module, WeightsInfo]:
    """The network of a weights file, on the CPU and in eval mode, and what the file says of itself.

    Raises:
        EsrError: as for ``read_info``, ``build_network``, ``load_strictly`` and ``check_finite``.
    """
    info, state = _read(path, with_tensors=True)
    check_finite(state, str(path))
    network = build_network(info.network, info.arguments, info.deploy)
    load_strictly(network, state, str(path))
    return network.eval(), info


def _read(path: Path, with_tensors: bool) -> tuple[WeightsInfo, dict[str, Tensor]]:
    if not path.is_file():
        raise EsrError(f"weights {path} is missing; run the stage that makes it, or name another file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise EsrError(f"weights {path} is cut short or not a safetensors file ({error}); make it again") from error
    try:
        return WeightsInfo(**json.loads(metadata["esr"])), state
    except (KeyError, TypeError, ValueError) as error:
        raise EsrError(f"weights {path} was not written by esr; bring a released .pth in with esr import") from error
