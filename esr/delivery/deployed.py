"""A weights file's network in deploy form, whatever form the file holds, and the file of its class."""

import inspect
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from esr.compression.fusion import check_fusion, fuse
from esr.weights.network_files import load_class
from esr.weights.weights_file import WeightsInfo, build_network, load_network, load_strictly


@dataclass(frozen=True)
class Deployed:
    """A network that is ready to run.

    Attributes:
        network: in deploy form, on the CPU, in eval mode.
        info: what its weights file says, of the deploy form.
        file: that defines its class.
    """

    network: nn.Module
    info: WeightsInfo
    file: Path

    @property
    def name(self) -> str:
        """Of the class."""
        return type(self.network).__name__


def load_deployed(weights: Path, network_file: Path | None = None) -> Deployed:
    """The network of a weights file, fused if it was not.

    Args:
        weights: the weights file.
        network_file: the network's file, in place of the one that the weights file names; it is run.

    Raises:
        EsrError: it cannot be loaded, or does not fuse.
    """
    network, info = load_network(weights, network_file)
    if not info.deploy:
        fused = fuse(network)
        check_fusion(network, fused, info.data_range)
        network = build_network(info.network, info.arguments, deploy=True, network_file=network_file).eval()
        load_strictly(network, fused.state_dict(), f"fused {weights}")
    source = inspect.getsourcefile(load_class(info.network, network_file))
    assert source is not None  # it was loaded from a file
    return Deployed(network, replace(info, deploy=True), Path(source))
