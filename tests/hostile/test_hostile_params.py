"""params.yaml with faults in it: each is refused before anything runs, in one short line with its place."""

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.recipes.read import check

ROOT = Path(__file__).resolve().parents[2]
PARAMS = read_yaml(ROOT / "params.yaml")
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
Change = Callable[[dict[str, Any]], None]
BENCHMARKED = {
    "entry": "rlfn",
    "network": "esr/networks/rlfn.py",
    "from": "fuse/rlfn",
    "validation": "scored",
    "baseline": "esr/networks/rlfn.py",
    "year_baseline": "esr/networks/rlfn.py",
}
IMPORTED = {"entry": "rlfn", "network": "esr/networks/rlfn.py", "checkpoint": "checkpoints/released.pth"}


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def at(place: str, to: Any) -> Change:
    """Set what stands at a place with dots."""

    def change(params: dict[str, Any]) -> None:
        *path, last = place.split(".")
        for part in path:
            params = params[part]
        params[last] = copy.deepcopy(to)

    return change


def without(place: str) -> Change:
    def change(params: dict[str, Any]) -> None:
        *path, last = place.split(".")
        for part in path:
            params = params[part]
        del params[last]

    return change


def refusal(change: Change) -> str:
    params = copy.deepcopy(PARAMS)
    change(params)
    with pytest.raises(EsrError) as refused:
        check(params)
    message = str(refused.value)
    assert "\n" not in message and len(message) < 500, message
    assert message.startswith("params.yaml: ")
    return message.removeprefix("params.yaml: ")


def accepted(change: Change) -> None:
    params = copy.deepcopy(PARAMS)
    change(params)
    check(params)


# ---------------------------------------------------------------- types: no value of another type is taken for one


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("scales.demo.threads", "2", "valid integer, not '2'"),
        ("scales.demo.threads", 2.0, "valid integer, not 2.0"),
        ("scales.demo.threads", True, "valid integer, not true"),
        ("scales.demo.threads", None, "valid integer, not null"),
        ("scale", 1, "valid string, not 1"),
        ("scale", None, "valid string, not null"),
        ("engine.deterministic", 1, "valid boolean, not 1"),
        ("engine.deterministic", "no", "valid boolean, not 'no'"),
        ("finetune.rlfn-3.learning_rate", "1e-5", "valid number, not '1e-5'"),
        ("finetune.rlfn-3.learning_rate", True, "valid number, not true"),
        ("finetune.rlfn-3.iterations", 1e3, "valid integer, not 1000.0"),
        ("finetune.rlfn-3.milestones", "abc", "valid list, not 'abc'"),
        ("finetune.rlfn-3.data", ["df2k"], "valid string, not a list of 1"),
        ("entries.rlfn.title", 1998, "valid string, not 1998"),
        ("train.edrn-1.arguments.channels", None, "an argument is"),
        ("train.edrn-1.arguments.channels", [[1]], "an argument is"),
        ("train.edrn-1.arguments.channels", float("inf"), "an argument is"),
        ("train", None, "here belong keys and their values, not null"),
        ("train", [], "here belong keys and their values, not a list of 0"),
        ("train.rlfn-1", None, "here belong keys and their values, not null"),
        ("train.rlfn-1", "x", "here belong keys and their values, not 'x'"),
        ("scales.demo.training", None, "here belong keys and their values, not null"),
    ],
)
def test_a_value_of_another_type(place: str, value: Any, told: str) -> None:
    message = refusal(at(place, value))
    assert message.startswith(f"{place}: ") and told in message, message


def test_a_whole_number_will_do_where_a_fraction_may_stand_and_a_list_is_a_pair() -> None:
    accepted(at("distill.slimrlfn-distill.teacher_weight", 1))
    accepted(at("train.r2net-1.betas", [0, 0.99]))


@pytest.mark.parametrize("betas", [["0.9", 0.99], [0.9], [0.9, 0.99, 0.999], {"0.9": 1, "0.99": 2}, 0.9, [0.9, True]])
def test_betas_that_are_no_pair_of_numbers(betas: Any) -> None:
    assert refusal(at("train.r2net-1.betas", betas)).startswith("train.r2net-1.betas")


# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("scales.demo.threads", [0, -1, 100_000]),
        ("teacher.slimrlfn-teacher.gpus", [0, 10**6]),
        ("train.rlfn-1.patch", [0, -4, 10**9]),
        ("train.rlfn-1.batch", [0, 10**12]),
        ("train.rlfn-1.iterations", [0, -1, 10**15]),
        ("train.edrn-1.epochs", [0, 10**12]),
        ("train.edrn-1.images_per_epoch", [0, 10**15]),
        ("train.rlfn-1.learning_rate", [0, -1e-3, 1.5, 1e300, float("inf"), float("nan")]),
        ("train.r2net-1.lowest_learning_rate", [-1e-9, 2, float("nan")]),
        ("train.rlfn-1.seed", [-1, 2**64]),
        ("train.rlfn-1.ema_decay", [0, 1, 1.5, float("nan")]),
        ("train.rlfn-1.clip_gradients", [0, float("inf")]),
        ("train.rlfn-1.fourier_weight", [-1, float("inf"), float("nan")]),
        ("distill.ifadnet-distill.teacher_weight", [-1, float("inf")]),
        ("train.r2net-1.charbonnier_eps", [0, float("inf")]),
        ("prune.slimrlfn-pruned.channels_per_round", [0, 10**12]),
        ("prune.slimrlfn-pruned.largest_psnr_loss", [0, float("inf")]),
        ("prune.slimrlfn-pruned.most_rounds", [0, 10**12]),
        ("scales.demo.measuring.seconds", [0, -1, 1e9]),
        ("scales.demo.measuring.narrow", [0, 2]),
        ("scales.demo.measuring.sizes", [[], 8]),
        ("crop.lsdir-10k.first", [0, 10**15]),
        ("download.div2k.images", [0, 10**15]),
        ("download.div2k.megapixels", [0, float("inf")]),
        ("scales.demo.training.validate_every", [0, 10**15]),
        ("scales.demo.training.batch.divide", [0, float("inf")]),
        ("scales.demo.training.learning_rate.first_at_least", [0, 2]),
        ("entries.rlfn.year", [0, 10**9]),
        ("entries.rlfn.thresholds.div2k-lsdir-valid", [0, float("inf")]),
    ],
)
def test_a_number_that_no_recipe_has(place: str, values: list[float]) -> None:
    for value in values:
        assert refusal(at(place, value)).startswith(f"{place}: "), value


@pytest.mark.parametrize(("beta", "index"), [(1.5, 0), (1, 1), (-0.1, 0), (float("nan"), 1)])
def test_a_beta_that_adam_does_not_take(beta: float, index: int) -> None:
    betas = [0.9, 0.999]
    betas[index] = beta
    assert refusal(at("train.r2net-1.betas", betas)).startswith(f"train.r2net-1.betas.{index}: ")


def test_the_largest_seed_is_torch_s() -> None:
    import torch

    torch.Generator().manual_seed(2**64 - 1)
    accepted(at("train.rlfn-1.seed", 2**64 - 1))
    with pytest.raises(Exception, match=r"(?i)overflow|long"):
        torch.Generator().manual_seed(2**64)


@pytest.mark.parametrize("milestones", [[-1, 5], [0, 5], [5, 3], [5, 5], [10**15]])
def test_milestones_out_of_order(milestones: list[int]) -> None:
    assert refusal(at("train.rlfn-1.milestones", milestones)).startswith("train.rlfn-1")


def test_a_cosine_that_would_rise() -> None:
    message = refusal(at("train.r2net-1.lowest_learning_rate", 1e-3))
    assert message == "train.r2net-1: lowest_learning_rate 0.001 is above learning_rate 0.0002"


def test_a_length_that_is_too_long_only_as_a_product() -> None:
    def change(params: dict[str, Any]) -> None:
        params["train"]["edrn-1"].update(epochs=1_000_000, images_per_epoch=1_000_000, batch=1)

    assert "more than 100,000,000 iterations" in refusal(change)


def test_a_scale_s_smallest_patch_is_one_that_can_be_cut() -> None:
    """A patch of 256 / 100 is 2 px: rounded down to a multiple of 4, nothing would be left."""
    assert "multiple of 4" in refusal(at("scales.demo.training.patch.at_least", 65))
    params = copy.deepcopy(PARAMS)
    params["scales"]["demo"]["training"]["patch"] = {"divide": 100}
    from esr.recipes.scale import shrink_patch

    checked = check(params)
    assert shrink_patch(checked.train["rlfn-1"], checked.rule.training) == 4


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name",
    ["a" * 300, "RLFN", "a b", "a_b", "../a", "a/b", "-a", "a-", "a--b", "", "a;b", "$(a)", "${a}", "a\n", "é", 10],
)
@pytest.mark.parametrize("table", ["train", "benchmark", "entries", "crop", "scales"])
def test_a_row_s_name_is_of_small_letters_digits_and_hyphens(table: str, name: Any) -> None:
    """Names go into commands, which a shell reads, and into names of files."""

    def change(params: dict[str, Any]) -> None:
        params[table][name] = copy.deepcopy(next(iter(params[table].values())))

    assert refusal(change).startswith(f"{table}.")


@pytest.mark.parametrize("scale", ["../x", "Demo 1", "", "${x}", "demo\n", "x" * 300])
def test_an_odd_scale(scale: str) -> None:
    assert refusal(at("scale", scale)).startswith("scale: ")


@pytest.mark.parametrize("name", ["all", "train", "crop", "report", "benchmark", "import", "download"])
@pytest.mark.parametrize("table", ["benchmark", "entries"])
def test_a_name_that_is_a_target_of_snakemake_s_already(table: str, name: str) -> None:
    row = BENCHMARKED if table == "benchmark" else PARAMS["entries"]["rlfn"]
    assert refusal(at(f"{table}.{name}", row)).startswith(f"{table}.{name}: `snakemake {name}` means something else")


@pytest.mark.parametrize("table", ["benchmark", "scales", "download", "crop", "entries"])
def test_a_table_that_must_have_a_row(table: str) -> None:
    assert refusal(at(table, {})) == f"{table}: the table needs a row"


@pytest.mark.parametrize("table", [name for name in PARAMS if name != "shared"])
def test_a_table_that_is_not_there(table: str) -> None:
    """dvc.yaml asks for each of them, so DVC would stop at it, too."""
    assert refusal(without(table)) == f"{table}: is missing"


def test_a_source_that_a_scale_names_must_be_there() -> None:
    """Else no training source would give an image."""
    assert refusal(at("scales.pilot.data.only_source", "div3k")).startswith(
        "scales.pilot.data.only_source: div3k names nothing; there are: div2k"
    )


def test_where_there_are_many_names_the_closest_are_told() -> None:
    message = refusal(at("finetune.slimrlfn-640.from", "finetune/slimrlfn-512-9"))
    assert "names nothing; there are: finetune/slimrlfn-512-1" in message and message.endswith("more")


# ---------------------------------------------------------------- what is declared is what is used


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("fuse.rfdn.network", "esr/networks/rlfn.py", "train/rfdn-1 hands on, which is esr/networks/rfdn.py"),
        ("finetune.rlfn-2.network", "esr/networks/rfdn.py", "train/rlfn-1 hands on, which is esr/networks/rlfn.py"),
        ("benchmark.edrn.network", "esr/networks/rfdn.py", "fuse/edrn hands on, which is esr/networks/edrn.py"),
        (
            "distill.slimrlfn-distill.teacher_network",
            "esr/networks/safmn.py",
            "teacher/slimrlfn-teacher hands on, which is esr/networks/rlfn.py",
        ),
        ("finetune.rlfn-2.from", "benchmark/rlfn", "hands on no weights"),
        ("distill.slimrlfn-distill.teacher", "benchmark/rlfn", "hands on no weights"),
        ("benchmark.rlfn.from", "benchmark/edrn", "hands on no weights; name a row of import, prune, fuse"),
        ("benchmark.rlfn.from", "finetune/rlfn-3", "is not in deploy form; name a row of import, prune, fuse"),
        ("benchmark.rlfn.from", "crop/div2k", "names nothing"),
        ("prune.slimrlfn-pruned.from", "report/x", "names nothing"),
    ],
)
def test_a_row_s_network_is_that_of_the_row_it_reads(place: str, value: str, told: str) -> None:
    message = refusal(at(place, value))
    assert message.startswith(f"{place}: {value}") and told in message, message


@pytest.mark.parametrize("psnr", [0, -1, 101, float("inf"), float("nan"), "26.9", None])
def test_a_psnr_that_no_set_has(psnr: Any) -> None:
    told = refusal(at("prune.slimrlfn-pruned.lowest_psnr", {"div2k-valid": psnr}))
    assert told.startswith("prune.slimrlfn-pruned.lowest_psnr.div2k-valid: "), told


def test_pruning_needs_a_limit() -> None:
    told = refusal(without("prune.slimrlfn-pruned.largest_psnr_loss"))
    assert told == "prune.slimrlfn-pruned: give largest_psnr_loss, lowest_psnr or both: when does pruning stop?"


@pytest.mark.parametrize(
    ("validation", "name", "told"),
    [
        ("div2k-valid", "div2k-lsdir-valid", "there are: div2k-valid"),
        ("challenge-2024", "div2k-valid", "there are: div2k-lsdir-test, div2k-lsdir-valid"),
        ("challenge-2024", "nothing", "there are: div2k-lsdir-test, div2k-lsdir-valid"),
    ],
)
def test_a_psnr_is_asked_for_on_a_part_of_the_validation_set(validation: str, name: str, told: str) -> None:
    def change(params: dict[str, Any]) -> None:
        params["prune"]["slimrlfn-pruned"].update(validation=validation, lowest_psnr={name: 26.90})

    message = refusal(change)
    assert message.startswith(f"prune.slimrlfn-pruned.lowest_psnr: {name} is no part of the row's validation set"), (
        message
    )
    assert message.endswith(told)


def test_a_psnr_may_be_asked_for_on_a_set_joined_of_joins() -> None:
    def change(params: dict[str, Any]) -> None:
        params["prune"]["slimrlfn-pruned"].update(validation="scored", lowest_psnr={"div2k-lsdir-test": 26.99})

    accepted(change)


def test_joins_in_a_circle_do_not_hang_the_check_of_a_limit() -> None:
    def change(params: dict[str, Any]) -> None:
        params["join"]["scored"]["second"] = "scored"
        params["prune"]["slimrlfn-pruned"].update(validation="scored", lowest_psnr={"div2k-lsdir-test": 26.99})

    assert "is no part" in refusal(change)


def test_joins_of_one_another_that_double_without_end() -> None:
    """Forty rows would list a million million sets."""

    def change(params: dict[str, Any]) -> None:
        for number in range(40):
            doubled = f"doubled-{number - 1}" if number else "div2k"
            params["join"][f"doubled-{number}"] = {"first": doubled, "second": doubled}

    assert refusal(change).startswith("join.doubled-9: is joined of more than 1000 sets")  # the first with 2**10


@pytest.mark.parametrize("reference", ["fuse/rlfn", "prune/rlfn", "import/rlfn"])
def test_what_is_in_deploy_form_can_be_benchmarked(reference: str) -> None:
    def change(params: dict[str, Any]) -> None:
        pruned = params["prune"]["slimrlfn-pruned"]
        params["prune"]["rlfn"] = {**pruned, "network": "esr/networks/rlfn.py", "from": "finetune/rlfn-3"}
        params["import"]["rlfn"] = dict(IMPORTED)
        params["benchmark"]["rlfn"]["from"] = reference

    accepted(change)


@pytest.mark.parametrize("kind", ["import", "train", "finetune", "prune", "fuse"])
def test_a_teacher_may_be_any_stage_that_hands_on_weights(kind: str) -> None:
    keys = {"import": "rlfn", "train": "rlfn-1", "finetune": "rlfn-3", "prune": "slimrlfn-pruned", "fuse": "rlfn"}

    def change(params: dict[str, Any]) -> None:
        params["import"]["rlfn"] = dict(IMPORTED)
        network = params[kind][keys[kind]]["network"]
        params["distill"]["slimrlfn-distill"].update(teacher=f"{kind}/{keys[kind]}", teacher_network=network)

    accepted(change)


# ---------------------------------------------------------------- network files


@pytest.mark.parametrize(
    "path",
    [
        "/etc/net.py",
        "../net.py",
        "networks/../../net.py",
        "./networks/net.py",
        "networks//net.py",
        "networks/a\n.py",
        "net.py",
    ],
)
@pytest.mark.parametrize("place", ["train.rlfn-1.network", "benchmark.rlfn.baseline", "benchmark.rlfn.year_baseline"])
def test_a_network_file_lies_in_the_project(place: str, path: str) -> None:
    assert refusal(at(place, path)).startswith(f"{place}: ")


WITH_NETWORK = "from torch import nn\nclass Net(nn.Module):\n    def __init__(self{arguments}): ...\n{more}\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no such file"),
        ("def f(:\n", "it is not Python (line 1"),
        (b"\xff\xfe\x00", "it is not Python"),
        ("NETWORK: object\n", "it names no network"),
        ("x = 1\n", "it names no network"),
        ("", "it names no network"),
    ],
)
@pytest.mark.parametrize("column", ["network", "baseline", "year_baseline"])
def test_a_file_that_holds_no_network(
    column: str, content: str | bytes | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("networks").mkdir()
    if content is not None:
        Path("networks/net.py").write_bytes(content if isinstance(content, bytes) else content.encode())

    def change(params: dict[str, Any]) -> None:
        params["import"]["rlfn"] = dict(IMPORTED)
        params["benchmark"]["rlfn"]["from"] = "import/rlfn"
        params["benchmark"]["rlfn"][column] = "networks/net.py"
        params["import"]["rlfn"]["network"] = params["benchmark"]["rlfn"]["network"]

    message = refusal(change)
    assert message.startswith(
        f"{'import' if column == 'network' else 'benchmark'}.rlfn.{column}: networks/net.py: {told}"
    ), message


def test_a_folder_in_the_place_of_a_network_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("networks/net.py").mkdir(parents=True)
    assert "benchmark.rlfn.baseline: networks/net.py" in refusal(at("benchmark.rlfn.baseline", "networks/net.py"))


PRUNABLE = "    def prunable(self): ..."


@pytest.mark.parametrize(
    ("source", "refused"),
    [
        (WITH_NETWORK.format(arguments="", more=PRUNABLE) + "NETWORK = Net\n", True),
        (WITH_NETWORK.format(arguments=", widths=None", more="") + "NETWORK = Net\n", True),
        ("from torch import nn\nclass Net(nn.Sequential):\n    pass\nNETWORK = Net\n", True),
        (WITH_NETWORK.format(arguments=", widths=None", more=PRUNABLE) + "NETWORK = Net\n", False),
        (WITH_NETWORK.format(arguments=", *, widths=None", more=PRUNABLE) + "NETWORK = Net\n", False),
        (WITH_NETWORK.format(arguments=", **more", more=PRUNABLE) + "NETWORK = Net\n", False),
        # What cannot be known from the file alone is left to the stage.
        ("from other import Base\nclass Net(Base):\n    pass\nNETWORK = Net\n", False),
        ("from other import Net as NETWORK\n", False),
        ("from other import *\n", False),
        ("from other import make\nNETWORK = make()\n", False),
        (
            "from other import able\nfrom torch import nn\n@able\nclass Net(nn.Module):\n    pass\nNETWORK = Net\n",
            False,
        ),
    ],
)
def test_a_network_that_cannot_be_pruned(
    source: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``prunable()`` and ``widths`` are what pruning asks of a class (docs/networks.md)."""
    monkeypatch.chdir(tmp_path)
    Path("networks").mkdir()
    Path("networks/net.py").write_text(source)

    def change(params: dict[str, Any]) -> None:
        params["import"]["rlfn"] = {**IMPORTED, "network": "networks/net.py"}
        params["prune"]["slimrlfn-pruned"].update(network="networks/net.py", **{"from": "import/rlfn"})
        params["fuse"]["slimrlfn-pruned"]["network"] = "networks/net.py"
        params["benchmark"]["slimrlfn-pruned"]["network"] = "networks/net.py"

    if refused:
        assert refusal(change).startswith("prune.slimrlfn-pruned.network: networks/net.py cannot be pruned")
    else:
        accepted(change)


@pytest.mark.parametrize("name", ["r2net", "edrn", "ifadnet", "ripfdn", "rfdn", "safmn", "fmen"])
def test_none_of_the_house_s_other_networks_can_be_pruned(name: str) -> None:
    def change(params: dict[str, Any]) -> None:
        network = f"esr/networks/{name}.py"
        params["import"]["x"] = {**IMPORTED, "network": network}
        params["prune"]["x"] = {**params["prune"]["slimrlfn-pruned"], "network": network, "from": "import/x"}

    assert refusal(change).startswith(f"prune.x.network: esr/networks/{name}.py cannot be pruned")


@pytest.mark.parametrize("path", ["released.pth", "/data/released.pth", "checkpoints/../released.pth"])
def test_a_released_file_that_no_driver_watches(path: str) -> None:
    def change(params: dict[str, Any]) -> None:
        params["import"]["rlfn"] = {**IMPORTED, "checkpoint": path}

    told = "the drivers watch checkpoints for edits; put the file, or a link to it, there"
    assert refusal(change) == f"import.rlfn.checkpoint: {path}: {told}"


def test_checking_takes_no_torch() -> None:
    code = "import sys; from esr.planning.phases import at_scale; at_scale('paper'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize("path", ["", "a\0b", "a\nb", "${item.x}", "x" * 5000])
@pytest.mark.parametrize("place", ["import.rlfn.checkpoint", "download.div2k.folder"])
def test_a_path_that_no_file_system_has(place: str, path: str) -> None:
    def change(params: dict[str, Any]) -> None:
        params["import"]["rlfn"] = dict(IMPORTED)
        at(place, path)(params)

    assert refusal(change).startswith(f"{place}: ")


# ---------------------------------------------------------------- a sweep

NUMBERS = (-1, 0, float("inf"), float("nan"), 2**70, 2**5000, True)
OTHERS: tuple[Any, ...] = (None, "", "x", "../x", "x" * 10**5, [], [None], {}, {"x": {}})
DROPPED = object()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of the file, the first row of a table standing for all of them."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys[:1] if len(path) == 1 and path[0] != "engine" else keys:
            yield (*path, key)
            if path != ("shared",):  # nothing reads what stands in its rows
                yield from places(value[key], (*path, key))


def changed(place: tuple[Any, ...], to: Any) -> dict[str, Any]:
    """params.yaml with one value replaced or dropped."""
    params: dict[str, Any] = dict(PARAMS)
    inside: Any = params
    for part in place[:-1]:
        inside[part] = copy.copy(inside[part])
        inside = inside[part]
    inside[place[-1]] = to
    if to is DROPPED:
        del inside[place[-1]]
    return params


@pytest.mark.parametrize("table", list(PARAMS))
def test_whatever_stands_anywhere_is_taken_or_refused_in_one_short_line(table: str) -> None:
    refused = 0
    for place in (place for place in places(PARAMS) if place[0] == table):
        for odd in (*NUMBERS, *OTHERS, DROPPED):
            params = changed(place, odd)
            try:
                check(params)
                if odd in ("x", DROPPED):
                    Graph(params, STAGES).in_order()
            except EsrError as error:
                refused += 1
                assert "\n" not in str(error) and len(str(error)) < 500, (place, str(error))
            except Exception as error:
                raise AssertionError(f"{place}: {repr(odd)[:50]}") from error
    assert refused or table == "import"  # which has no row to change
