"""Released checkpoints in: a team's .pth becomes a weights file of ours."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.weights.released_names import (
    Names,
    fmen_names,
    ifadnet_names,
    r2net_names,
    rfdn_names,
    ripfdn_names,
    rlfn_names,
    safmn_names,
    slimrlfn_names,
    span_names,
    spanv2_names,
)
from esr.weights.weights_file import WeightsInfo, build_network, check_finite, check_fit, data_range_of, save_weights

# Where a checkpoint may keep its tensors, the averaged ones first; most keep them at the root.
SUB_KEYS = ("params_ema", "params", "state_dict")

StateDict = dict[str, Tensor]
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """A network whose trained deploy form was released.

    Attributes:
        network: the network's file.
        names: our modules -> the released ones.
        arguments: the constructor arguments, read off the released tensors where they vary.
    """

    network: str
    names: Names
    arguments: Callable[[StateDict], Arguments] = lambda state: {}


def _pruned_widths(state: StateDict) -> Arguments:
    """SlimRLFN's widths by the shapes of its tensors; none when it is not pruned or not SlimRLFN's."""
    names = [f"block_list.{index}.{conv}.weight" for index in range(6) for conv in ("c1_r", "c2_r")]
    widths = [len(state[name]) for name in names if name in state and state[name].dim() == 4]
    return {} if len(widths) < len(names) or set(widths) == {30} else {"widths": widths}


RELEASES = {
    "rlfn": Release("esr/networks/rlfn.py", rlfn_names()),
    "slimrlfn": Release("esr/networks/slimrlfn.py", slimrlfn_names(), _pruned_widths),
    "r2net": Release("esr/networks/r2net.py", r2net_names()),
    "ifadnet": Release("esr/networks/ifadnet.py", ifadnet_names()),
    "ripfdn": Release("esr/networks/ripfdn.py", ripfdn_names()),
    "rfdn": Release("esr/networks/rfdn.py", rfdn_names()),
    "fmen": Release("esr/networks/fmen.py", fmen_names()),
    "safmn": Release("esr/networks/safmn.py", safmn_names()),
    "span": Release("esr/networks/span.py", span_names()),
    "spanv2": Release("esr/networks/spanv2.py", spanv2_names()),
}
"""The networks that ``esr import`` knows by name."""


def import_checkpoint(network_name: str, checkpoint: Path, target: Path) -> WeightsInfo:
    """Turn a released checkpoint into a weights file; return what that file says of itself.

    Raises:
        EsrError: the network's name is unknown; the checkpoint is missing, broken or more than tensors; it is not
            this network's, tensor for tensor; or a weight is not a finite number. Nothing is written then.
    """
    release = RELEASES.get(network_name)
    if release is None:
        raise EsrError(f"no released checkpoint of {network_name} is known; name one of {', '.join(RELEASES)}")
    released = read_checkpoint(checkpoint)
    arguments = release.arguments(released)
    network = build_network(release.network, arguments, deploy=True)
    their_names = {name: _their_name(name, release.names) for name in network.state_dict()}
    expected = {their_names[name]: tensor for name, tensor in network.state_dict().items()}
    check_fit(released, expected, f"{checkpoint} is not a released checkpoint of {network_name}")
    check_finite(released, str(checkpoint))
    info = WeightsInfo(
        network=release.network,
        arguments=arguments,
        deploy=True,
        data_range=data_range_of(network),
        origin=f"released checkpoint {checkpoint.name}",
        inputs={checkpoint.name: md5_of(checkpoint)},
    )
    save_weights(target, {ours: released[theirs] for ours, theirs in their_names.items()}, info)
    return info


def _their_name(name: str, names: Names) -> str:
    """A tensor's released name: its own, where it is a bare parameter, or its module's with .weight or .bias."""
    if name in names:
        return names[name]
    module, _, tensor = name.rpartition(".")
    return f"{names[module]}.{tensor}"


def read_checkpoint(path: Path) -> StateDict:
    """The tensors of a .pth, under whichever usual key they are; nothing in the file is run.

    Raises:
        EsrError: the file is missing, broken, or holds anything but tensors.
    """
    if not path.exists():
        raise EsrError(f"checkpoint {path} is missing; name the released .pth file")
    if not path.is_file():
        raise EsrError(f"checkpoint {path} is a folder or a device, no file; name the released .pth file")
    try:
        with warnings.catch_warnings():  # of old pickles: the refusal says it
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in a dozen ways on a file that is no checkpoint
        named = re.search(r"GLOBAL (\S+)", str(error))
        if named:
            raise EsrError(
                f"checkpoint {path} holds more than tensors: it asks for {named[1]}, and nothing in it was run"
            ) from error
        raise EsrError(
            f"checkpoint {path} is cut short or no checkpoint, and nothing in it was run; download it again"
        ) from error
    state = next((content[key] for key in SUB_KEYS if key in content), content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(map(_is_named_tensor, state.items())):
        raise EsrError(f"checkpoint {path} does not hold named tensors at its root or under {', '.join(SUB_KEYS)}")
    return state


def _is_named_tensor(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], Tensor)
