"""What rows say of one another, refused word for word; and rows that only seem to be wrong."""

import copy
from pathlib import Path
from typing import Any

import pytest

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.network_syntax import NetworkSource
from esr.recipes.read import check
from tests.tiny_project import ROOT

LITERATURE = ("set5", "set14", "bsd100", "urban100", "manga109")
JOINS = {"set5-set14", "bsd100-urban100", "selfexsr", "test-sets", "challenge-and-test-sets"}
PARAMS = read_yaml(ROOT / "params.yaml")
for table in ("download", "crop"):  # a refusal lists a dozen names whole
    PARAMS[table] = {key: row for key, row in PARAMS[table].items() if key not in LITERATURE}
PARAMS["join"] = {key: row for key, row in PARAMS["join"].items() if not ({key, *row.values()} & JOINS)}
PARAMS["join"]["scored"] = {"first": "div2k-valid", "second": "challenge-2024"}
SOURCES, CROPS = ", ".join(PARAMS["download"]), ", ".join(PARAMS["crop"])
SETS = ", ".join([*PARAMS["crop"], *PARAMS["join"]])
ENTRIES = ", ".join(PARAMS["entries"])
PRUNED = "prune.slimrlfn-pruned"
RLFN = "esr/networks/rlfn.py"


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """params.yaml with what stands at places with dots set to something else."""
    params: dict[str, Any] = copy.deepcopy(PARAMS)
    for place, value in changes:
        *path, last = place.split(".")
        table = params
        for part in path:
            table = table[part]
        table[last] = value
    return params


def refusal(*changes: tuple[str, Any]) -> str:
    with pytest.raises(EsrError) as refused:
        check(changed(*changes))
    return str(refused.value).removeprefix("params.yaml: ")


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("scale", "huge", "scale: huge is not in scales; there are: demo, laptop, laptop-short, pilot, paper"),
        ("scales.pilot.data.only_source", "x", f"scales.pilot.data.only_source: x names nothing; there are: {SOURCES}"),
        ("crop.div2k.source", "x", f"crop.div2k.source: x names nothing; there are: {SOURCES}"),
        ("join.df2k.first", "x", f"join.df2k.first: x names nothing; there are: {SETS}"),
        ("join.df2k.second", "x", f"join.df2k.second: x names nothing; there are: {SETS}"),
        (
            "join.div2k",
            {"first": "div2k", "second": "lsdir"},
            "join.div2k: crop has a row of this name too; a set has one name",
        ),
        ("entries.rlfn.thresholds", {"x": 29.0}, f"entries.rlfn.thresholds: x names nothing; there are: {CROPS}"),
        ("train.rlfn-1.entry", "x", f"train.rlfn-1.entry: x names nothing; there are: {ENTRIES}"),
        ("train.rlfn-1.data", "x", f"train.rlfn-1.data: x names nothing; there are: {SETS}"),
        ("benchmark.rlfn.validation", "x", f"benchmark.rlfn.validation: x names nothing; there are: {SETS}"),
        (
            f"{PRUNED}.lowest_psnr",
            {"lsdir": 29.0},
            f"{PRUNED}.lowest_psnr: lsdir is no part of the row's validation set div2k-valid; there are: div2k-valid",
        ),
        (
            "benchmark.rlfn.from",
            "finetune/rlfn-3",
            "benchmark.rlfn.from: finetune/rlfn-3 is not in deploy form; name a row of import, prune, fuse",
        ),
        (
            "finetune.rlfn-2.from",
            "benchmark/rlfn",
            "finetune.rlfn-2.from: benchmark/rlfn hands on no weights; "
            "name a row of import, teacher, distill, train, finetune, prune, fuse",
        ),
        (
            "distill.slimrlfn-distill.teacher",
            "benchmark/rlfn",
            "distill.slimrlfn-distill.teacher: benchmark/rlfn hands on no weights; "
            "name a row of import, teacher, distill, train, finetune, prune, fuse",
        ),
        (
            "finetune.rlfn-2.network",
            "esr/networks/rfdn.py",
            f"finetune.rlfn-2.network: esr/networks/rfdn.py is not what train/rlfn-1 hands on, which is {RLFN}",
        ),
        (
            "distill.slimrlfn-distill.teacher_network",
            "esr/networks/rfdn.py",
            "distill.slimrlfn-distill.teacher_network: esr/networks/rfdn.py is not what teacher/slimrlfn-teacher "
            f"hands on, which is {RLFN}",
        ),
        (
            "benchmark.rlfn.baseline",
            "esr/networks/none.py",
            "benchmark.rlfn.baseline: esr/networks/none.py: "
            "there is no such file; paths are relative to the project's folder",
        ),
        (
            "train.rlfn-1.network",
            "./esr/networks/rlfn.py",
            "train.rlfn-1.network: ./esr/networks/rlfn.py: "
            "write the path from the project's folder, without .., as networks/mine.py",
        ),
        (
            "train.rlfn-1.network",
            "esr/images/bicubic.py",
            "train.rlfn-1.network: esr/images/bicubic.py: "
            "the drivers watch esr/networks and networks for edits; put the file there",
        ),
        (
            "benchmark.rlfn.baseline",
            "esr/networks/blocks.py",
            "benchmark.rlfn.baseline: esr/networks/blocks.py: "
            "it names no network; end it with NETWORK = its torch.nn.Module class",
        ),
        ("train.rlfn-1.network", "networks/${x}.py", "${ belongs to dvc.yaml; write the path out"),
        ("entries.rlfn.title", "a\tb", "entries.rlfn.title: there is a control character in it; remove it"),
        (
            "train.rlfn-1.arguments",
            {"x": [1.5]},
            "train.rlfn-1.arguments.x: an argument is a finite number, a word, true, false or a list of whole numbers",
        ),
    ],
)
def test_a_refusal_word_for_word(place: str, value: Any, told: str) -> None:
    message = refusal((place, value))
    assert message.split(" (and ")[0] in (told, f"{place}: {told}, not {value!r}", f"{place}: {told}")


@pytest.mark.parametrize("table", ["entries", "benchmark"])
def test_a_name_that_snakemake_has_taken(table: str) -> None:
    row = PARAMS[table]["rlfn"]
    told = f"{table}.all: `snakemake all` means something else already; rename the row"
    assert refusal((f"{table}.all", row)).split(" (and ")[0] == told


def test_an_entry_that_trains_says_so_with_its_work() -> None:
    params = changed()
    del params["entries"]["rfdn"]["training_work"]
    with pytest.raises(EsrError) as refused:
        check(params)
    assert str(refused.value) == (
        "params.yaml: entries.rfdn.training_work: is missing; "
        "write null, or the numbers that `python -m esr recipe rfdn --scale paper` then tells"
    )
    assert refusal(("scale", "pilot"), ("entries.rfdn.training_work", None)) == (
        "entries.rfdn.training_work: scale pilot shares out work, so it needs the work of first, and has that of "
        "nothing; `python -m esr recipe rfdn --scale paper` tells what to write"
    )


def test_where_work_is_shared_out_an_entry_states_that_of_all_roles_it_has_and_of_no_other() -> None:
    """Of IFADNet there are a teacher, a distillation and a fine-tuning; of RFDN there is one phase."""
    no_teacher = refusal(("scale", "pilot"), ("entries.ifadnet.training_work", {"first": 2.0e18, "later": 1.0e18}))
    assert no_teacher.startswith("entries.ifadnet.training_work: scale pilot shares out work, so it needs the work of ")
    assert "of teacher, first, later, and has that of first, later; " in no_teacher
    pruned = refusal(("scale", "pilot"), ("entries.rfdn.training_work", {"first": 3.0e17, "prune": 1.0e17}))
    assert "the work of first, and has that of first, prune; " in pruned
    check(changed(("entries.rfdn.training_work", {"first": 3.0e17, "prune": 1.0e17})))  # at demo nothing is shared out


def test_an_entry_that_only_imports_has_no_work_to_state() -> None:
    entry = {name: value for name, value in PARAMS["entries"]["rlfn"].items() if name != "training_work"}
    released = {"entry": "released", "network": RLFN, "checkpoint": "checkpoints/released.pth"}
    check(changed(("entries.released", entry), ("import.released", released)))


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_where_no_scale_shares_out_work_null_will_do(scale: str) -> None:
    check(changed(("scale", scale), ("entries.rfdn.training_work", None)))


def test_all_complaints_are_counted() -> None:
    """Two sources that are not there, in the order of the tables."""
    assert refusal(("crop.div2k.source", "x"), ("join.df2k.first", "y")) == (
        f"crop.div2k.source: x names nothing; there are: {SOURCES} (and 1 more)"
    )


def test_paths_come_before_references_and_these_before_files() -> None:
    wrong = [("train.rlfn-1.network", "esr/networks/none.py"), ("crop.div2k.source", "x")]
    assert refusal(*wrong).startswith("crop.div2k.source: ")
    assert refusal(("benchmark.rlfn.baseline", "none.py"), *wrong).startswith("benchmark.rlfn.baseline: ")


@pytest.mark.parametrize("value", [1, -2, 0.5, "word", True, [1, 2]])
def test_what_an_argument_may_be(value: Any) -> None:
    arguments = check(changed(("train.rlfn-1.arguments", {"x": value}))).train["rlfn-1"].arguments
    assert arguments == {"x": value} and type(arguments["x"]) is type(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [], [True], [1, "2"], {"a": 1}, None])
def test_what_an_argument_may_not_be(value: Any) -> None:
    told = "an argument is a finite number, a word, true, false or a list of whole numbers"
    assert refusal(("train.rlfn-1.arguments", {"x": value})) == f"train.rlfn-1.arguments.x: {told}"


def test_rows_are_found_by_kind_and_key() -> None:
    released = {"entry": "rlfn", "network": RLFN, "checkpoint": "checkpoints/released.pth"}
    params = check(changed(("import.released", released)))
    assert list(params.table("import")) == ["released"]
    assert params.row("import", "released").checkpoint == "checkpoints/released.pth"
    assert params.row("train", "rlfn-1") is params.train["rlfn-1"]
    with pytest.raises(EsrError) as refused:
        params.row("teacher", "x")
    told = "params.yaml has no row teacher.x; there are: slimrlfn-teacher, ifadnet-teacher"
    assert str(refused.value) == told
    with pytest.raises(EsrError, match=r"no row finetune\.slimrlfn-641; there are: slimrlfn-640, .* and \d+ more$"):
        params.row("finetune", "slimrlfn-641")


PRUNABLE = "class Net({bases}):\n    def __init__({arguments}): ...\n    def prunable(self): ...\n"


@pytest.mark.parametrize(
    ("lines", "names_one"),
    [
        ("NETWORK = 1", True),
        ("A = NETWORK = 1", True),
        ("A, NETWORK = 1, 2", True),
        ("NETWORK: object = 1", True),
        ("NETWORK: object", False),
        ("x.NETWORK = 1", False),
        ("class NETWORK: ...", True),
        ("def NETWORK(): ...", True),
        ("import NETWORK", True),
        ("import torch as NETWORK", True),
        ("from a import NETWORK as B", False),
        ("from a import b as NETWORK", True),
        ("from a import *", True),
        ("if x:\n    NETWORK = 1", True),
        ("print(NETWORK)", False),
    ],
)
def test_whether_a_file_names_a_network(lines: str, names_one: bool, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(lines)
    assert NetworkSource(str(tmp_path / "net.py")).names_a_network == names_one


@pytest.mark.parametrize(
    ("bases", "arguments", "more", "cannot"),
    [
        ("nn.Module", "self", "NETWORK = Net", True),
        ("torch.nn.Module", "self, width", "NETWORK = Net", True),
        ("nn.Module", "self, widths", "NETWORK = Net", False),
        ("nn.Module", "self, widths, /", "NETWORK = Net", False),
        ("nn.Module", "self, *, widths", "NETWORK = Net", False),
        ("nn.Module", "self, **more", "NETWORK = Net", False),
        ("nn.Module", "self, *widths", "NETWORK = Net", True),
        ("nn.Module, Base", "self", "NETWORK = Net", False),
        ("Base", "self", "NETWORK = Net", False),
        ("nn.Module", "self", "NETWORK = Net\nNETWORK = Net", False),
        ("nn.Module", "self", "NETWORK = Other", False),
        ("nn.Module, metaclass=Meta", "self", "NETWORK = Net", False),
    ],
)
def test_whether_a_network_certainly_cannot_be_pruned(
    bases: str, arguments: str, more: str, cannot: bool, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(PRUNABLE.format(bases=bases, arguments=arguments) + more)
    assert NetworkSource(str(tmp_path / "net.py")).cannot_be_pruned == cannot


def test_a_network_of_the_house_is_found_from_any_folder_and_a_project_s_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert NetworkSource(RLFN).names_a_network
    Path(RLFN).parent.mkdir(parents=True)
    Path(RLFN).write_text("x = 1")
    assert not NetworkSource(RLFN).names_a_network


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"def f(:\n", "it is not Python (line 1: invalid syntax)"),
        (b"x = 1\n", "it names no network; end it with NETWORK = its torch.nn.Module class"),
        (PRUNABLE.format(bases="nn.Module", arguments="self").encode() + b"NETWORK = Net\n", None),
    ],
)
def test_what_is_wrong_with_a_file_word_for_word(
    content: bytes, told: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("networks").mkdir()
    Path("networks/mine.py").write_bytes(content)
    mine = ("train.rlfn-1.network", "networks/mine.py"), ("finetune.rlfn-2.from", "train/rfdn-1")
    rest = [("finetune.rlfn-2.network", "esr/networks/rfdn.py"), ("finetune.rlfn-3.network", "esr/networks/rfdn.py")]
    rest += [(f"{kind}.rlfn.network", "esr/networks/rfdn.py") for kind in ("fuse", "benchmark")]
    if told:
        assert refusal(*mine, *rest) == f"train.rlfn-1.network: networks/mine.py: {told}"
        return
    check(changed(*mine, *rest))
    pruned = {**PARAMS["prune"]["slimrlfn-pruned"], "network": "networks/mine.py", "from": "train/rlfn-1"}
    assert refusal(*mine, *rest, ("prune.mine", pruned)) == (
        "prune.mine.network: networks/mine.py cannot be pruned; give its class prunable() and the argument widths"
    )
