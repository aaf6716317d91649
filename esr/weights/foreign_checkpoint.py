"""Checkpoints of other architectures in: what spandrel recognises becomes a weights file of ours."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esr.common.errors import EsrError, on_one_line
from esr.common.factor import SCALE
from esr.common.files import md5_of
from esr.networks.foreign import ARCHITECTURES, INSTALL, Foreign
from esr.weights.checkpoint_file import read_checkpoint
from esr.weights.weights_file import WeightsInfo, build_network, check_finite, load_strictly, save_weights

FOREIGN = "esr/networks/foreign.py"


def import_foreign(checkpoint: Path, target: Path) -> WeightsInfo:
    """Turn a .pth of SwinIR, HAT or DAT, x4 and RGB, into a weights file; return what that file says of itself.

    spandrel reads the architecture and its sizes off the tensors; nothing in the file is run.

    Raises:
        EsrError: spandrel is not installed or cannot be imported; the checkpoint is missing, broken or more than
            tensors; it is of another architecture, scale or number of channels; or a weight is not a finite number.
            Nothing is written then.
    """
    state = read_checkpoint(checkpoint)
    check_finite(state, str(checkpoint))
    try:
        from spandrel import ModelLoader
    except Exception as error:  # a torchvision of another build than torch raises a RuntimeError
        raise EsrError(
            f"{checkpoint}: spandrel, which recognises networks, cannot be used ({on_one_line(error)}): {INSTALL}"
        ) from error
    known = ", ".join(ARCHITECTURES)
    try:
        with warnings.catch_warnings():  # of how their code calls torch
            warnings.simplefilter("ignore")
            found = ModelLoader("cpu").load_from_state_dict(dict(state))
    except Exception as error:  # whatever it raises of tensors that fit no architecture
        raise EsrError(
            f"checkpoint {checkpoint} is not recognised by spandrel ({on_one_line(error)}); give one of {known}"
        ) from error
    name = found.architecture.id
    if name not in ARCHITECTURES:
        raise EsrError(f"checkpoint {checkpoint} is a network of {name}; teachers are taken of {known}")
    if (found.scale, found.input_channels, found.output_channels) != (SCALE, 3, 3):
        channels = f"{found.input_channels} to {found.output_channels} channels"
        raise EsrError(f"checkpoint {checkpoint} is {name} at x{found.scale}, {channels}; give one at x{SCALE}, RGB")
    info = WeightsInfo(
        network=FOREIGN,
        arguments={"architecture": name, "hyperparameters": _told(found.model.hyperparameters)},
        deploy=True,
        data_range=Foreign.data_range,
        origin=f"released checkpoint {checkpoint.name}, {name} by spandrel",
        inputs={checkpoint.name: md5_of(checkpoint)},
    )
    ours = {f"network.{key}": tensor for key, tensor in found.model.state_dict().items()}
    load_strictly(build_network(info.network, info.arguments, deploy=True), ours, str(checkpoint))
    save_weights(target, ours, info)
    return info


def _told(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those that JSON can say; the others, such as classes of layers, are the architecture's defaults."""
    return {name: value for name, value in hyperparameters.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
