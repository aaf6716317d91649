"""The graph of a small dvc.yaml, every template filled in by hand."""

from pathlib import Path
from typing import Any

import pytest

from esr.common.errors import EsrError
from esr.common.files import write_json
from esr.recipes.graph import Graph, Node, Out, read_graph

PARAMS: dict[str, Any] = {
    "scale": "demo",
    "threads": 3,
    "engine": {"cpu": {"precision": "fp32"}},
    "crop": {"a": {"source": "x", "first": 7}, "b": {"source": "y"}},
    "train": {"big": {"data": "a", "network": "n.py"}, "small": {"data": "b", "network": "m.py"}},
    "fuse": {"big": {"from": "train/big"}},
    "empty": {},
}
STAGES: dict[str, Any] = {
    "code": {"cmd": "python -m esr code", "outs": ["runs/.code"]},
    "crop": {
        "foreach": "${crop}",
        "do": {
            "cmd": "esr crop ${key}",
            "deps": ["sources/${item.source}.tar"],
            "outs": [
                {"data/${scale}/sets/${key}/manifest.json": {"cache": False}},
                {"data/${scale}/sets/${key}/images.store": {"persist": True}},
            ],
        },
    },
    "train": {
        "foreach": "${train}",
        "do": {
            "cmd": "esr train ${key} with ${threads} of ${item.network}",
            "deps": ["${item.network}", "data/${scale}/sets/${item.data}", "${item.network}", "params.json"],
            "params": ["engine.cpu.precision", "train.${key}", "threads"],
            "outs": ["runs/${scale}/train/${key}/weights.safetensors"],
            "metrics": [{"runs/${scale}/train/${key}/metrics.json": {"cache": False}}],
            "plots": ["runs/${scale}/train/${key}/curve.csv"],
            "meta": {"threads": "${threads}", "gpus": 1},
        },
    },
    "fuse": {
        "foreach": "${fuse}",
        "do": {
            "cmd": "esr fuse ${key}",
            "deps": ["runs/${scale}/${item.from}/weights.safetensors"],
            "outs": ["runs/${scale}/fuse/${key}/weights.safetensors"],
            "meta": {"threads": "all"},
        },
    },
    "nothing": {"foreach": "${empty}", "do": {"cmd": "esr nothing ${key}"}},
    "report": {
        "cmd": "esr report",
        "deps": ["runs/demo/fuse", "runs/demo/other", "docs"],
        "outs": ["reports/demo.html"],
    },
}


@pytest.fixture
def graph() -> Graph:
    return Graph(PARAMS, STAGES)


def test_stages_are_named_as_dvc_names_them_and_code_is_none_of_them(graph: Graph) -> None:
    assert list(graph.nodes) == ["crop@a", "crop@b", "train@big", "train@small", "fuse@big", "report"]
    assert [graph.scale, Graph({}, STAGES).scale] == ["demo", ""]
    assert graph.kinds == ["crop", "train", "fuse", "report"]
    assert [graph.keys("train"), graph.keys("nothing"), graph.keys("report")] == [["big", "small"], [], []]


def test_a_stage_with_every_template_filled_in(graph: Graph) -> None:
    node = graph.find("train", "small")
    assert (node.kind, node.key, node.scale, node.name) == ("train", "small", "demo", "train@small")
    assert node.command == "esr train small with 3 of m.py"
    assert node.deps == ("m.py", "data/demo/sets/b", "params.json")
    assert node.outs == (
        Out("runs/demo/train/small/weights.safetensors", True),
        Out("runs/demo/train/small/metrics.json", False),
        Out("runs/demo/train/small/curve.csv", True),
    )
    assert node.params == {
        "engine.cpu.precision": "fp32",
        "train.small": {"data": "b", "network": "m.py"},
        "threads": 3,
    }
    assert node.resources == {"threads": 3, "gpus": 1}
    assert node.log == Path("logs/demo/train/small.log")


def test_a_stage_without_a_table(graph: Graph) -> None:
    node = graph.find("report")
    assert (node.kind, node.key, node.name) == ("report", "", "report")
    assert node.deps == ("runs/demo/fuse", "runs/demo/other", "docs")
    assert (node.params, node.resources) == ({}, {})
    assert node.log == Path("logs/demo/report/report.log")


def test_outputs_keep_whether_dvc_caches_them(graph: Graph) -> None:
    assert graph.find("crop", "a").outs == (
        Out("data/demo/sets/a/manifest.json", False),
        Out("data/demo/sets/a/images.store", True),
    )


def test_threads_to_reserve(graph: Graph) -> None:
    asked = {name: node.threads(cores=8) for name, node in graph.nodes.items()}
    assert asked == {"crop@a": 1, "crop@b": 1, "train@big": 3, "train@small": 3, "fuse@big": 8, "report": 1}


def test_what_wants_the_whole_machine_takes_the_scale_s_threads_where_a_scheduler_keeps_others_off() -> None:
    params = {"scale": "demo", "scales": {"demo": {"threads": 3}}}
    stage = {"cmd": "esr", "params": ["scales.${scale}.threads"], "meta": {"threads": "all"}}
    assert Graph(params, {"benchmark": stage}).find("benchmark").threads(cores=None) == 3


def test_patterns_have_the_key_as_a_wildcard(graph: Graph) -> None:
    assert graph.patterns("crop") == ["data/demo/sets/{key}/manifest.json", "data/demo/sets/{key}/images.store"]
    assert graph.patterns("report") == ["reports/demo.html"]


def test_a_folder_stands_for_what_other_stages_make_in_it(graph: Graph) -> None:
    """One of a kind's outputs, if any; what nobody makes, and what is no folder of results, stays as it is."""
    assert graph.inputs(graph.find("report")) == [
        "runs/demo/fuse/big/weights.safetensors",
        "runs/demo/other",
        "docs",
    ]
    assert graph.inputs(graph.find("train", "big")) == [
        "n.py",
        "data/demo/sets/a/manifest.json",
        "data/demo/sets/a/images.store",
        "params.json",
    ]


def test_a_folder_s_name_is_not_taken_for_the_beginning_of_another_s() -> None:
    stages = {
        "one": {"cmd": "", "outs": ["runs/ab/x", "mine/ab/x", "data/ab/x", "reports/ab/x"]},
        "other": {"cmd": "", "deps": ["runs/a", "runs/ab/x", "mine/ab", "data/ab", "reports/ab"]},
    }
    graph = Graph({}, stages)
    assert graph.inputs(graph.nodes["other"]) == ["runs/a", "runs/ab/x", "mine/ab", "data/ab/x", "reports/ab/x"]


def test_what_a_stage_reads_from(graph: Graph) -> None:
    def names(nodes: list[Node]) -> list[str]:
        return [node.name for node in nodes]

    assert names(graph.upstream(graph.find("train", "big"))) == ["crop@a"]  # once, though it makes two files of it
    assert names(graph.upstream(graph.find("crop", "a"))) == []
    assert names(graph.ancestors(graph.find("report"))) == ["fuse@big", "train@big", "crop@a"]
    both = graph.ancestors(graph.find("train", "small"), graph.find("report"))
    assert names(both) == ["crop@b", "fuse@big", "train@big", "crop@a"]
    assert names(graph.ancestors(graph.find("train", "big"), graph.find("fuse", "big"))) == ["crop@a", "train@big"]


def test_each_stage_comes_after_those_that_it_reads_from(graph: Graph) -> None:
    order = [node.name for node in graph.in_order()]
    assert sorted(order) == sorted(graph.nodes)
    assert order.index("crop@a") < order.index("train@big") < order.index("fuse@big") < order.index("report")


def test_a_circle_is_told_in_the_order_of_the_reading() -> None:
    stages = {name: {"cmd": "", "deps": [reads], "outs": [name]} for name, reads in ("ab", "bc", "ca")}
    with pytest.raises(EsrError) as refused:
        Graph({}, stages).in_order()
    words = (
        str(refused.value).removeprefix("params.yaml: the rows make a circle: ").removesuffix("; change one `from:`")
    )
    assert words in ("a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c")


@pytest.mark.parametrize(
    ("kind", "key", "told"),
    [
        ("train", "huge", "params.yaml has no row train.huge; there are: big, small"),
        ("nothing", "x", "params.yaml has no row nothing.x; there are: none"),
    ],
)
def test_a_row_that_is_not_there(graph: Graph, kind: str, key: str, told: str) -> None:
    with pytest.raises(EsrError) as refused:
        graph.find(kind, key)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("${item.size}", "params.yaml has no item.size (row a), which dvc.yaml asks for"),
        ("x ${item.source.deep}", "params.yaml has no item.source.deep (row a), which dvc.yaml asks for"),
        ("${nowhere}", "params.yaml has no nowhere (row a), which dvc.yaml asks for"),
    ],
)
def test_a_template_that_asks_for_what_no_row_says(template: str, told: str) -> None:
    with pytest.raises(EsrError) as refused:
        _ = Graph(PARAMS, {"crop": {"foreach": "${crop}", "do": {"cmd": template}}}).nodes
    assert str(refused.value) == told


def test_a_template_outside_of_any_row() -> None:
    with pytest.raises(EsrError) as refused:
        _ = Graph(PARAMS, {"report": {"cmd": "x", "params": ["no.such"]}}).nodes
    assert str(refused.value) == "params.yaml has no no.such, which dvc.yaml asks for"


def node(*deps: str, outs: tuple[str, ...] = ()) -> Node:
    return Node("train", "big", "demo", "", deps, tuple(Out(path) for path in outs), {})


def test_a_stage_reads_what_it_declares_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stage = node(
        "x.json",
        "runs/demo/fuse/big/weights.safetensors",
        "data/demo/sets/a/manifest.json",
        "runs/.work/demo/rlfn.json",
    )
    assert stage.input("x.json") == Path("x.json")
    assert stage.weights("fuse/big") == Path("runs/demo/fuse/big/weights.safetensors")
    assert stage.set("a") == Path("data/demo/sets/a/manifest.json")
    write_json(Path("runs/.work/demo/rlfn.json"), None)
    assert stage.shared_work("rlfn") is None
    told = {"training_work": {"first": 2.5e17}, "thinned": {"teacher/big": {"channels": 64}}}
    write_json(Path("runs/.work/demo/rlfn.json"), told)
    shared = stage.shared_work("rlfn")
    assert shared is not None and shared.training_work.by_role == {"first": 2.5e17}
    assert shared.thinned == {"teacher/big": {"channels": 64}}
    for read, path in (
        (lambda: stage.weights("fuse/small"), "runs/demo/fuse/small/weights.safetensors"),
        (lambda: stage.set("b"), "data/demo/sets/b/manifest.json"),
        (lambda: stage.shared_work("rfdn"), "runs/.work/demo/rfdn.json"),
    ):
        with pytest.raises(EsrError) as refused:
            read()
        assert str(refused.value) == f"train@big: {path} is not among its deps in dvc.yaml; add it there"


def test_an_output_is_found_by_its_file_s_name() -> None:
    stage = node(outs=("runs/demo/train/big/curve.csv", "runs/demo/train/big/weights.safetensors"))
    assert stage.output("weights.safetensors") == Path("runs/demo/train/big/weights.safetensors")
    assert stage.output("curve.csv") == Path("runs/demo/train/big/curve.csv")
    with pytest.raises(EsrError) as refused:
        stage.output("curve.json")
    assert str(refused.value) == "train@big: curve.json is not among its outs in dvc.yaml; add it there"


def test_both_files_are_read_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default those of the current folder; a dvc.yaml may have no stage."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("scale: huge\n")
    Path("dvc.yaml").write_text("stages:\n  report:\n    cmd: esr report ${scale}\n")
    assert read_graph().nodes["report"].command == "esr report huge"
    Path("mine.yaml").write_text("scale: tiny\n")
    Path("bare.yaml").write_text("vars: []\n")
    assert read_graph(Path("mine.yaml")).nodes["report"].command == "esr report tiny"
    assert read_graph(Path("mine.yaml"), Path("bare.yaml")).nodes == {}
