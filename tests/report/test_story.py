"""What the page tells of how a row came to be is read from what its stages declare to write."""

import json
from copy import deepcopy
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.recipes.graph import Graph
from esr.recipes.read import check
from esr.report.story import Story, stories
from tests.laid_project import GRAPH, RAW, ROOT
from tests.tiny_project import keep_only

FUSION = Path("runs/demo/fuse/rlfn/fusion.json")


@pytest.fixture
def rlfn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """The baseline's rows alone, and in the current folder what their stages would have made."""
    (tmp_path / "esr").symlink_to(ROOT / "esr")
    monkeypatch.chdir(tmp_path)
    params = deepcopy(RAW)
    keep_only(params, {"rlfn"})
    graph = Graph(params, {kind: dict(template) for kind, template in GRAPH.templates.items()})
    for path in map(Path, graph.producers):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("iteration,loss,learning_rate,psnr\n4,0.5,0.001,27.5\n" if path.suffix == ".csv" else "x")
    FUSION.write_text(json.dumps({"float64": 2e-15, "float32": 4e-7, "sizes": [[32, 48]]}))
    return graph


def story(graph: Graph) -> Story:
    return stories(graph, check(graph.params), ROOT / "params.yaml")["rlfn"]


def test_the_fusion_s_error_is_an_output_of_its_stage_that_the_report_depends_on(rlfn: Graph) -> None:
    assert str(FUSION) in rlfn.find("fuse", "rlfn").out_paths
    assert str(FUSION) in rlfn.inputs(rlfn.find("report"))
    told = story(rlfn).fusion
    assert told is not None and (told.float64, told.float32, told.sizes) == (2e-15, 4e-7, ((32, 48),))
    assert told.levels == pytest.approx(1.02e-4)  # 255 x 4e-7
    assert not Path(".esr").exists()  # no journal was asked


@pytest.mark.parametrize("content", ["{", '{"float64": 1}', "[]"])
def test_a_file_that_says_something_else_is_named(rlfn: Graph, content: str) -> None:
    FUSION.write_text(content)
    with pytest.raises(EsrError, match=str(FUSION)):
        story(rlfn)
