"""What the stages depend on of the code, when a folder of networks holds more than networks."""

import json
from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph
from esr.stages.premises import sources_of, write_premises

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    """The project's graph in a folder that has its code and one network of its own."""
    monkeypatch.chdir(tmp_path)
    Path("esr").symlink_to(ROOT / "esr")
    Path("networks").mkdir()
    Path("networks/mine.py").write_text("import networks.parts\n")
    Path("networks/parts.py").write_text("WIDTH = 8\n")
    return Graph(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "dvc.yaml")["stages"])


def test_an_editor_s_lock_and_a_folder_are_no_networks(graph: Graph) -> None:
    Path("networks/.#mine.py").symlink_to("somebody@somewhere.1234")
    Path("networks/old.py").mkdir()
    write_premises(graph)
    assert {path.name for path in Path("runs/.code/networks").iterdir()} == {"mine.py.json", "parts.py.json"}


def test_a_network_s_own_parts_count_and_what_is_gone_is_forgotten(graph: Graph) -> None:
    file = "runs/.code/networks/mine.py.json"
    write_premises(graph)
    before = sources_of([file])
    assert set(before) == {"networks/mine.py", "networks/parts.py"} == set(json.loads(Path(file).read_text()))
    Path("networks/parts.py").write_text("WIDTH = 9\n")
    write_premises(graph)
    assert sources_of([file])["networks/parts.py"] != before["networks/parts.py"]
    Path("networks/mine.py").unlink()
    write_premises(graph)
    assert not Path(file).exists()


def test_a_released_file_that_is_here_counts_by_its_bytes(graph: Graph) -> None:
    place = Path("checkpoints/theirs.pth")
    graph.params["import"] = {"theirs": {"checkpoint": str(place)}, "fetched": {"url": "https://example.org/a.pth"}}
    said = []
    for content in (None, b"one", b"two"):
        place.parent.mkdir(exist_ok=True)
        if content is not None:
            place.write_bytes(content)
        write_premises(graph)
        said.append(Path("runs/.checkpoints/theirs.json").read_text())
    assert len(set(said)) == 3
    assert Path("runs/.checkpoints/fetched.json").read_text() == "null\n"


def test_without_a_row_of_import_its_folder_is_there_all_the_same(graph: Graph) -> None:
    graph.params["import"] = {}
    write_premises(graph)
    assert any(
        Path("runs/.checkpoints").iterdir()
    )  # an output of DVC's stage `code`, which it warns of where it is empty
