"""What ``esr complexity`` shows: the networks that it knows by name, weights files, and a table or JSON of them."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import nn

from esr.common.errors import EsrError, printable
from esr.common.factor import SCALE
from esr.evaluation.complexity import Complexity, measure_complexity
from esr.networks.edrn import EDRN
from esr.networks.fmen import FMEN
from esr.networks.ifadnet import IFADNet
from esr.networks.r2net import R2Net
from esr.networks.rfdn import RFDN
from esr.networks.ripfdn import RIPFDN
from esr.networks.rlfn import RLFN
from esr.networks.safmn import SAFMN
from esr.networks.slimrlfn import SlimRLFN
from esr.networks.span import SPAN
from esr.networks.spanv2 import SPANV2
from esr.weights.weights_file import network_of, read_info, try_network

LISTED_NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "rlfn": lambda: RLFN(deploy=True),
    "rlfn-6x196": lambda: RLFN(channels=196, inner=196, blocks=6, deploy=True),
    "slimrlfn": lambda: SlimRLFN(deploy=True),
    "slimrlfn-pruned": lambda: SlimRLFN(widths=[28] * 10 + [30, 30], deploy=True),
    "r2net": lambda: R2Net(deploy=True),
    "ifadnet": lambda: IFADNet(deploy=True),
    "ripfdn": lambda: RIPFDN(deploy=True),
    "edrn": lambda: EDRN(reading="as_released", deploy=True),
    "fmen": lambda: FMEN(deploy=True),
    "rfdn": lambda: RFDN(deploy=True),
    "safmn-large": lambda: SAFMN(deploy=True),
    "span": lambda: SPAN(deploy=True),
    "spanv2": lambda: SPANV2(deploy=True),
}
"""The deploy forms of the entries, baselines and teachers, by name."""

LARGEST_COUNTED = 1_000_000  # px on a side: numbers of elements have 63 bits


def complexities(names: list[str], height: int, width: int, network_file: Path | None = None) -> dict[str, Complexity]:
    """The complexity of networks by name or weights file (its deploy form), of all that have a name when none is given.

    ``network_file`` stands in for the network files that the weights files name; it is run.

    Raises:
        EsrError: a name is unknown, or a weights file cannot be loaded.
    """
    if network_file and not any(map(_is_weights, names)):
        raise EsrError("--network belongs to a weights file; name a .safetensors file")
    chosen = names or list(LISTED_NETWORKS)
    return {name: measure_complexity(_network(name, network_file), height, width) for name in chosen}


def _is_weights(name: str) -> bool:
    return name not in LISTED_NETWORKS and name.endswith(".safetensors")


def _network(name: str, network_file: Path | None) -> nn.Module:
    if name in LISTED_NETWORKS:
        return LISTED_NETWORKS[name]()
    if _is_weights(name):
        path = Path(name)
        network = network_of(path, read_info(path), deploy=True, network_file=network_file)
        try_network(network, name)
        return network
    raise EsrError(f"no network is called {name}; name a weights file or one of {', '.join(LISTED_NETWORKS)}")


def lr_size(size: str | None, output_size: str | None) -> tuple[int, int]:
    """Height and width of the LR image that ``--size`` or ``--output-size`` asks for; 256 x 256 when neither is given.

    Raises:
        EsrError: both are given, one is no HEIGHTxWIDTH, or the output is no multiple of 4.
    """
    if size and output_size:
        raise EsrError("give either --size (of the LR input) or --output-size (of the HR output)")
    if not output_size:
        return sides(size or "256x256")
    height, width = sides(output_size)
    if height % SCALE or width % SCALE:
        raise EsrError(f"an output of {output_size} is not {SCALE} times any input; give multiples of {SCALE}")
    return height // SCALE, width // SCALE


def sides(text: str) -> tuple[int, int]:
    """Height and width of ``HEIGHTxWIDTH``.

    Raises:
        EsrError: it is no such text, or the image would be too large.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,18})x([1-9][0-9]{0,18})", text)
    if found is None:
        raise EsrError(f"{text} is no size; write HEIGHTxWIDTH, such as 256x256")
    height, width = int(found[1]), int(found[2])
    if max(height, width) > LARGEST_COUNTED:
        raise EsrError(f"{text} is too large to count; give at most {LARGEST_COUNTED} px on a side")
    return height, width


def print_complexities(measured: dict[str, Complexity], as_json: bool) -> None:
    """Print on standard output: as JSON and nothing else, or as a table for people."""
    if as_json:
        print(json.dumps({name: asdict(complexity) for name, complexity in measured.items()}, indent=2))
        return
    table = Table("network", "parameters (M)", "FLOPs (G)", "2023's FLOPs (G)", "activations (M)", "convs")
    table.columns[0].overflow = "fold"  # files of one network often begin alike
    for column in table.columns[1:]:
        column.justify = "right"
    for name, complexity in measured.items():
        table.add_row(
            escape(printable(name)),
            f"{complexity.parameters / 1e6:.3f}",
            f"{complexity.flops / 1e9:.2f}",
            f"{complexity.flops_2023 / 1e9:.2f}",
            f"{complexity.activations / 1e6:.2f}",
            str(complexity.convs),
        )
    Console().print(table)
