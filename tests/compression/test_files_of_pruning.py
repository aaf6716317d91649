"""What pruning writes and says, word for word, and how it trains its rounds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from esr.common.errors import EsrError
from esr.common.files import md5_of
from esr.compression import prune as module
from esr.compression.fusion import fuse
from esr.compression.prune import Round, prune
from esr.recipes.read import Params, check
from esr.recipes.rows import Prune
from esr.recipes.scale import TrainingRule
from esr.training.checkpoints import Checkpoints
from esr.training.curve import Point
from esr.training.engine import Engine
from esr.training.generators import seed_of_stage
from esr.training.helper_parts import Silence
from esr.training.plan import Plan
from esr.training.ranks import ALONE
from esr.training.validation import Validated, Validation
from esr.weights.weights_file import load_network
from tests.laid_project import GRAPH, RAW, lay_sets, lay_weights
from tests.packed_sets import coded_set

NODE = GRAPH.find("prune", "slimrlfn-pruned")
ARGUMENTS = {"channels": 8, "blocks": 1, "esa_channels": 4}  # two layers of 8 channels, which may shrink to 4 each
RULE = TrainingRule.model_validate({"length": {"prune_round": 1}, "validate_every": 7})


class Told(Silence):
    """A watch that keeps what it is told of rounds."""

    def __init__(self) -> None:
        self.said = list[str]()
        self.numbers = dict[int, dict[str, float]]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def measured(self, step: int, **values: float) -> None:
        self.numbers[step] = values


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """A folder in which every set is one of two images; PSNRs fall by 0.2 dB each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    params = lay_sets(check(RAW), coded_set(tmp_path / "coded", [(64, 64)] * 2).manifest.parent)
    lay_weights(NODE, "finetune/slimrlfn-640", params.prune["slimrlfn-pruned"].network, ARGUMENTS)
    psnrs = iter(30.0 - 0.2 * number for number in range(99))
    monkeypatch.setattr(Validation, "__call__", lambda *_: Validated(next(psnrs), np.zeros((4, 4, 3), np.uint8)))
    return params


def row(params: Params, **columns: object) -> Prune:
    changes = {"channels_per_round": 3, "patch": 64, "batch": 2, "largest_psnr_loss": 0.3, **columns}
    return params.prune["slimrlfn-pruned"].model_copy(update=changes)


def size(path: Path) -> int:
    return sum(weight.numel() for weight in load_network(path)[0].parameters())


def test_every_column_of_every_round(params: Params) -> None:
    """30, 29.8 and 29.6 dB: the second round loses 0.4 dB, which is more than 0.3."""
    watch = Told()
    prune(row(params), RULE, params.engine, NODE, Path("checkpoints"), watch)
    source, written = NODE.weights("finetune/slimrlfn-640"), NODE.output("weights.safetensors")
    header, *lines = NODE.output("rounds.csv").read_text().splitlines()
    assert header == "round,channels,parameters,psnr,psnr_loss,kept,stopped_by"
    unpruned = sum(weight.numel() for weight in fuse(load_network(source)[0]).parameters())
    assert lines[0] == f"0,16,{unpruned},30.0,0.0,True,"
    assert lines[1] == f"1,13,{size(written)},29.8,0.2,True,"
    assert lines[2].startswith("2,10,") and lines[2].endswith(",29.6,0.4,False,largest_psnr_loss")
    assert watch.said == [f"computes on {Engine(params.engine, torch.device('cpu'))}", "stops: largest_psnr_loss"]
    first = {"channels": 13.0, "parameters": float(size(written)), "psnr": 29.8, "psnr_loss": 0.2, "kept": 1.0}
    assert watch.numbers[1] == {f"round_{name}": value for name, value in first.items()}
    assert [watch.numbers[2][f"round_{name}"] for name in ("channels", "psnr_loss", "kept")] == [10.0, 0.4, 0.0]
    network, info = load_network(written)
    assert (info.network, info.deploy, info.data_range) == ("esr/networks/slimrlfn.py", True, 255.0)
    assert (info.origin, info.inputs) == ("prune@slimrlfn-pruned", {"weights": md5_of(source)})
    assert info.arguments == {**ARGUMENTS, "widths": info.arguments["widths"]} and sum(info.arguments["widths"]) == 13
    saved = Checkpoints(Path("checkpoints/round-001")).load()
    assert saved is not None
    assert all(torch.equal(weight, saved["network"][name]) for name, weight in network.state_dict().items())


def test_a_set_with_a_limit_has_a_column() -> None:
    lowest = {"a": 29.4, "b": 29.2}
    assert list(Round(1, 2, 3, 29.6, 0.4, lowest, "lowest_psnr.b").numbers().items()) == [
        ("channels", 2),
        ("parameters", 3),
        ("psnr", 29.6),
        ("psnr_loss", 0.4),
        ("psnr_a", 29.4),
        ("psnr_b", 29.2),
        ("kept", False),
    ]


def test_losses_are_told_without_the_last_bits_of_a_difference(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """26.9136 - 26.9016 is 0.012, not 0.0120000000000004."""
    psnrs = iter([26.9136, 26.9016])
    monkeypatch.setattr(Validation, "__call__", lambda *_: Validated(next(psnrs), np.zeros((4, 4, 3), np.uint8)))
    watch = Told()
    prune(row(params, largest_psnr_loss=0.012, most_rounds=1), RULE, params.engine, NODE, Path("checkpoints"), watch)
    assert watch.numbers[1]["round_psnr_loss"] == 0.012
    assert watch.said[-1] == "stops: most_rounds"


def test_how_a_round_trains(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    plans, networks, places = list[Plan](), list[nn.Module](), list[Path]()

    def caught(network: nn.Module, plan: Plan, checkpoints: Checkpoints, watch: object) -> object:
        plans.append(plan)
        places.append(checkpoints.latest.parent)
        networks.append(network)
        return network, [Point(1, 0.5, 1e-4, 30.0)]

    monkeypatch.setattr(module, "train", caught)
    columns = {"most_rounds": 2, "betas": (0.7, 0.8), "clip_gradients": 2.5, "seed": 9, "learning_rate": 3e-4}
    prune(row(params, **columns), RULE, params.engine, NODE, Path("checkpoints"), Told())
    assert [plan.name for plan in plans] == [f"prune slimrlfn-pruned round {number}" for number in (1, 2)]
    assert places == [Path("checkpoints/round-001"), Path("checkpoints/round-002")]
    for plan in plans:
        assert (plan.iterations, plan.betas, plan.clip_gradients, plan.ema_decay) == (1, (0.7, 0.8), 2.5, None)
        assert [plan.rate(iteration) for iteration in (0, 1, 99)] == [3e-4] * 3
        assert (plan.seed, plan.ranks, plan.data.validate_every) == (
            seed_of_stage(9, "prune", "slimrlfn-pruned"),
            ALONE,
            7,
        )
        ((begin, goal),) = plan.objectives
        hr = torch.full((1, 3, 16, 16), 0.25)
        loss = goal(lambda x: torch.full((1, 3, 16, 16), 0.75 * 255), torch.rand(1, 3, 4, 4), hr)
        assert begin == 0 and loss.item() == pytest.approx(0.25)  # the row's l2, in [0, 1]
        assert isinstance(plan.data.validate, Validation) and plan.data.validate.data_range == 255.0
        assert isinstance(plan.engine, Engine)
    assert [plan.before for plan in plans] == [0, 1]


def test_the_lowest_loss_is_over_the_whole_pruning_and_the_good_network_is_a_copy(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the round that passes the limit does to the network does not reach what is handed on."""

    def spoils(network: nn.Module, plan: Plan, *_: object) -> object:
        with torch.no_grad():
            network.get_parameter("tail.weight").fill_(float(plan.name[-1]))
        return network, [Point(1, 0.5, 1e-4, 30.0 - 0.2 * int(plan.name[-1]))]

    monkeypatch.setattr(module, "train", spoils)
    prune(row(params), RULE, params.engine, NODE, Path("checkpoints"), Told())
    handed_on, info = load_network(NODE.output("weights.safetensors"))
    assert (handed_on.get_parameter("tail.weight") == 1.0).all()
    assert sum(info.arguments["widths"]) == 13


def test_a_network_without_layers_to_prune_is_refused(params: Params) -> None:
    lay_weights(NODE, "finetune/slimrlfn-640", "esr/networks/rfdn.py", {})
    with pytest.raises(EsrError) as refused:
        prune(row(params, network="esr/networks/rfdn.py"), RULE, params.engine, NODE, Path("checkpoints"), Told())
    assert str(refused.value) == (
        "prune@slimrlfn-pruned: esr/networks/rfdn.py cannot be pruned; "
        "give its class prunable() and the argument widths"
    )
    assert not NODE.output("rounds.csv").exists()


def test_where_the_first_round_passes_the_limit_the_unpruned_network_is_handed_on_as_it_was(params: Params) -> None:
    """0.2 dB are lost, and 0.1 dB allowed; the round's removal and training do not reach what was kept."""
    prune(row(params, largest_psnr_loss=0.1), RULE, params.engine, NODE, Path("checkpoints"), Told())
    unpruned = fuse(load_network(NODE.weights("finetune/slimrlfn-640"))[0]).state_dict()
    handed_on, info = load_network(NODE.output("weights.safetensors"))
    assert sum(info.arguments["widths"]) == 16
    assert all(torch.equal(weight, unpruned[name]) for name, weight in handed_on.state_dict().items())


def test_where_work_is_shared_out_a_round_is_as_long_as_its_share(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20,000 x 1e12 / 4e15 = 5, in as many rounds as at paper."""
    told = {"training_work": {"later": 3e15, "prune": 1e15}, "thinned": {}}
    Path("runs/.work/demo/slimrlfn.json").write_text(json.dumps(told))
    plans = list[Plan]()

    def caught(network: nn.Module, plan: Plan, *_: object) -> object:
        plans.append(plan)
        return network, [Point(1, 0.5, 1e-4, 0.0)]

    monkeypatch.setattr(module, "train", caught)
    rule = TrainingRule.model_validate({"length": {"work": 1e12}, "validate_every": 7})
    prune(row(params, most_rounds=20), rule, params.engine, NODE, Path("checkpoints"), Told())
    assert plans[0].iterations == 5
