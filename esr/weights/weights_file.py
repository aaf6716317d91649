"""Weights files, and the networks that they belong to.

A weights file is a safetensors file with one metadata key, ``esr``: sorted JSON that names the network's file, its
arguments and where the weights come from. It holds no time, host or machine's path, and safetensors orders tensors by
itself: equal weights are equal bytes.
"""

import copy
import dataclasses
import inspect
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from esr.common.errors import EsrError, on_one_line
from esr.common.factor import SCALE
from esr.common.files import whole_file
from esr.weights.network_files import load_class

TRIED = (16, 32)  # height and width of the image that a network is tried on: attention needs 15 px, others multiples
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
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


def build_network(
    name: str, arguments: Mapping[str, Any], deploy: bool = False, network_file: Path | None = None
) -> nn.Module:
    """A network with fresh weights, in its training form or its deploy form.

    Args:
        name: the network's file, as a row or a weights file has it.
        arguments: of its constructor, without ``deploy``.
        deploy: which form, where there are two.
        network_file: the file to run instead of looking for the name: only what a person has named.

    Raises:
        EsrError: as for ``load_class``, or the class does not accept these arguments.
    """
    network = load_class(name, network_file)
    accepted = set(inspect.signature(network).parameters)
    unknown = sorted(set(arguments) - (accepted - {"deploy"}))
    if unknown:
        choice = ", ".join(sorted(accepted - {"deploy"})) or "none"
        raise EsrError(f"network {name} has no argument {', '.join(unknown)}; it accepts {choice}")
    form = {"deploy": deploy} if "deploy" in accepted else {}
    try:
        return network(**arguments, **form)
    except (Exception, SystemExit) as error:  # whatever its constructor raises
        raise EsrError(f"network {name} cannot be built with {dict(arguments)}: {on_one_line(error)}") from error


def try_network(network: nn.Module, culprit: str) -> None:
    """Enlarge a small image, and refuse a network that does not make it four times as large.

    The network is left as it is, and no random numbers are drawn that would be missed elsewhere.

    Raises:
        EsrError: ``culprit``, which names the network or its weights, and what is wrong.
    """
    if not any(True for _ in network.parameters()):
        raise EsrError(f"{culprit} has no parameters, so there is nothing to train; give it some")
    height, width = TRIED
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            image = torch.full((1, 3, height, width), data_range_of(network) / 2)
            output = copy.deepcopy(network).cpu().eval()(image)
    except (Exception, SystemExit) as error:
        raise EsrError(f"{culprit} fails on an image of {width}x{height} px ({on_one_line(error)}); mend it") from error
    wanted = (1, 3, SCALE * height, SCALE * width)
    if not isinstance(output, Tensor) or tuple(output.shape) != wanted:
        made = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise EsrError(f"{culprit} makes {made} of a tensor {tuple(image.shape)}, not {wanted}; mend its forward")
    if not torch.isfinite(output).all():
        raise EsrError(f"{culprit} gives values that are not finite; train or fetch the weights again")


def data_range_of(network: nn.Module) -> float:
    """The range of a network's input and output, 1.0 or 255.0, as its class says."""
    data_range: float = type(network).data_range  # type: ignore[attr-defined]
    return data_range


def check_fit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], complaint: str) -> None:
    """Refuse a state dict that does not hold the expected names and shapes, all of them and no others.

    Raises:
        EsrError: ``complaint``, followed by the tensors that are missing, left over, of another shape or kind.
    """
    common = expected.keys() & state.keys()
    faults = {
        "missing": expected.keys() - common,
        "left over": state.keys() - common,
        "of another shape": {name for name in common if expected[name].shape != state[name].shape},
        "of another kind of number": {name for name in common if not _same_kind(expected[name], state[name])},
    }
    told = [f"{len(names)} {fault} ({_some(names)})" for fault, names in faults.items() if names]
    if told:
        raise EsrError(f"{complaint}: tensors {', '.join(told)}; give the file that belongs to it")


def _same_kind(expected: Tensor, tensor: Tensor) -> bool:
    return tensor.dtype in (FLOATS if expected.is_floating_point() else INTEGERS)


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
    tensors = {name: _stored(tensor) for name, tensor in sorted(state.items())}
    check_finite(tensors, str(path))
    metadata = {"esr": json.dumps(dataclasses.asdict(info), sort_keys=True)}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _stored(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().to("cpu", torch.float32 if tensor.is_floating_point() else tensor.dtype)
    return tensor.clone(memory_format=torch.contiguous_format)


def check_finite(state: Mapping[str, Tensor], culprit: str) -> None:
    """Raise EsrError, naming the tensors, where a weight is NaN or infinite as fp32, or none that can be computed with.

    Such as 8-bit floats, complex or sparse ones.
    """
    odd = sorted(name for name, tensor in state.items() if not _is_plain(tensor))
    if odd:
        raise EsrError(f"{culprit}: weights of a kind that is not computed with in {_some(odd)}; save them as fp32")
    broken = sorted(name for name, tensor in state.items() if not torch.isfinite(tensor.float()).all())
    if broken:
        raise EsrError(f"{culprit}: NaN or infinite weights in {_some(broken)}; train or fetch them again")


def _is_plain(tensor: Tensor) -> bool:
    known = tensor.dtype in FLOATS or tensor.dtype in INTEGERS
    return known and tensor.layout == torch.strided and tensor.device.type != "meta"


def read_info(path: Path) -> WeightsInfo:
    """What a weights file says of itself, without reading its tensors.

    Raises:
        EsrError: the file is missing, broken, or was not written by esr.
    """
    return _read(path, with_tensors=False)[0]


def load_network(path: Path, network_file: Path | None = None) -> tuple[nn.Module, WeightsInfo]:
    """The network of a weights file, on the CPU and in eval mode, and what the file says of itself.

    Args:
        path: the weights file. Of the code on this machine it can have run what ``find_network`` allows, no more.
        network_file: the network's file, in place of the one that the weights file names.

    Raises:
        EsrError: as for ``read_info``, ``build_network``, ``load_strictly``, ``check_finite`` and ``try_network``.
    """
    info, state = _read(path, with_tensors=True)
    check_finite(state, str(path))
    network = network_of(path, info, info.deploy, network_file)
    load_strictly(network, state, str(path))
    try_network(network, str(path))
    return network.eval(), info


def network_of(path: Path, info: WeightsInfo, deploy: bool, network_file: Path | None = None) -> nn.Module:
    """The network that a weights file belongs to, with fresh weights; the rest as for ``load_network``."""
    try:
        network = build_network(info.network, info.arguments, deploy, network_file)
    except EsrError as error:
        raise EsrError(f"{path}: {error}") from error
    if data_range_of(network) != info.data_range:
        own = f"{type(network).__name__} works in {data_range_of(network):g}"
        raise EsrError(f"{path} is of data range {info.data_range:g}, but {own}; give the file that belongs to it")
    return network


def _read(path: Path, with_tensors: bool) -> tuple[WeightsInfo, dict[str, Tensor]]:
    if not path.exists():
        raise EsrError(f"weights {path} is missing; run the stage that makes it, or name another file")
    if not path.is_file():
        raise EsrError(f"weights {path} is a folder or a device, no file; name a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise EsrError(f"weights {path} is cut short or not a safetensors file ({error}); make it again") from error
    except (KeyError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise EsrError(f"weights {path} holds tensors that torch does not read ({on_one_line(error)})") from error
    try:
        return TypeAdapter(WeightsInfo).validate_json(metadata["esr"]), state
    except KeyError as error:
        raise EsrError(f"weights {path} was not written by esr; bring a released .pth in with esr import") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its metadata"
        raise EsrError(
            f"weights {path} was not written by esr ({where}: {first['msg']}); bring a released .pth in with esr import"
        ) from error
