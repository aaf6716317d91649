"""Released checkpoints in: a team's .pth becomes a weights file of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.weights.checkpoint_file import StateDict, read_checkpoint
from esr.weights.foreign_checkpoint import FOREIGN, import_foreign
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
"""The networks whose released names ``esr import`` knows."""

NAMES = {release.network: name for name, release in RELEASES.items()} | {FOREIGN: "foreign"}
"""What ``esr import`` calls the networks that it knows, by their files."""


def import_checkpoint(network_name: str, checkpoint: Path, target: Path) -> WeightsInfo:
    """Turn a released checkpoint into a weights file; return what that file says of itself.

    Args:
        network_name: one of NAMES.
        checkpoint: the released .pth.
        target: the weights file to write.

    Raises:
        EsrError: the network's name is unknown; the checkpoint is missing, broken or more than tensors; it is not
            this network's, tensor for tensor; or a weight is not a finite number. Nothing is written then.
    """
    if network_name == NAMES[FOREIGN]:
        return import_foreign(checkpoint, target)
    release = RELEASES.get(network_name)
    if release is None:
        raise EsrError(f"no released checkpoint of {network_name} is known; name one of {', '.join(NAMES.values())}")
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
