"""A folder with what stages of the shipped graph need to begin: every set the same one, and weights that are made."""

from collections.abc import Mapping
from pathlib import Path

import torch

from esr.common.files import write_json
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params
from esr.recipes.rows import Argument
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, save_weights

ROOT = Path(__file__).resolve().parents[1]
RAW = {**read_yaml(ROOT / "params.yaml"), "scale": "demo"}
"""The shipped params.yaml."""
GRAPH = Graph(RAW, read_yaml(ROOT / "dvc.yaml")["stages"])
SETS = Path("data/demo/sets")


def lay_sets(params: Params, packed: Path) -> Params:
    """In the current folder: every set of the rows is the one packed in ``packed``; every entry has its work."""
    SETS.mkdir(parents=True)
    for name in [*params.crop, *params.join]:
        (SETS / name).symlink_to(packed)
    for entry, about in params.entries.items():
        for scale, rule in params.scales.items():
            work = about.training_work.by_role if about.training_work and rule.training.length.work else None
            write_json(Path("runs/.work", scale, f"{entry}.json"), work and {"training_work": work, "thinned": {}})
    return params


def lay_weights(
    node: Node, reference: str, network: str, arguments: Mapping[str, Argument], deploy: bool = False
) -> None:
    """Random weights of a network, always the same, where ``node`` looks for what ``reference`` hands on."""
    torch.manual_seed(0)
    made = build_network(network, dict(arguments), deploy)
    path = node.weights(reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(
        path, made.state_dict(), WeightsInfo(network, dict(arguments), deploy, data_range_of(made), "made", {})
    )
