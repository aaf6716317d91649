"""A scale may take other images in the place of a source's own; they count as stand-ins."""

import copy
import json
from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.read import Params, check
from esr.recipes.rows import Download
from esr.recipes.scale import DataRule
from esr.sources.download import download
from tests.small_images import coded_image, write_image

PARAMS = read_yaml(Path(__file__).resolve().parents[2] / "params.yaml")
OWN = Download(use="training", folder="own", images=3)
OTHER = Download(use="training", title="my holidays", folder="other", images=2)
RULE = DataRule(stand_in=False, only_source=None, in_place_of={"div2k": OTHER})


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, count in (("own", 3), ("other", 2)):
        for number in range(count):
            write_image(Path(folder, f"{folder}-{number}.png"), coded_image(number, 24, 32, 4))


def test_the_other_images_are_taken_and_said_to_stand_in() -> None:
    for key in ("div2k", "flickr2k"):
        download(OWN, RULE, key, Path(key, "manifest.json"))
    other, own = (json.loads(Path(key, "manifest.json").read_text()) for key in ("div2k", "flickr2k"))
    assert [image["name"] for image in other["images"]] == ["other-0", "other-1"]
    assert other["stand_in"] and other["about"] == "stand-in for div2k: my holidays"
    assert [image["name"] for image in own["images"]] == ["own-0", "own-1", "own-2"]
    assert not own["stand_in"]


def test_their_number_is_held_against_their_own_row() -> None:
    rule = DataRule(stand_in=False, only_source=None, in_place_of={"div2k": OTHER.model_copy(update={"images": 3})})
    with pytest.raises(EsrError, match=r"\b2\b.*\b3\b|\b3\b.*\b2\b"):
        download(OWN, rule, "div2k", Path("div2k/manifest.json"))


def test_a_folder_that_is_missing_is_named_by_its_place_in_the_scale() -> None:
    rule = DataRule(stand_in=False, only_source=None, in_place_of={"div2k": Download(use="training", folder="none")})
    with pytest.raises(EsrError, match=r"data\.in_place_of\.div2k\.folder: none is not a folder"):
        download(OWN, rule, "div2k", Path("div2k/manifest.json"))


def with_rule(**data: object) -> Params:
    params = copy.deepcopy(PARAMS)
    params["scales"]["pilot"]["data"].update(data)
    return check(params)


def test_a_source_that_is_none_is_refused() -> None:
    with pytest.raises(EsrError, match=r"scales\.pilot\.data\.in_place_of.*div3k"):
        with_rule(in_place_of={"div3k": {"use": "training", "folder": "x"}})


def test_one_thing_stands_in() -> None:
    with pytest.raises(EsrError, match=r"stand_in is for every source already"):
        with_rule(stand_in=True, in_place_of={"div2k": {"use": "training", "folder": "x"}})
