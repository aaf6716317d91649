"""A complaint about params.yaml, word for word: where, what is wrong, what stands there, what there is instead."""

import copy
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import PARAMS_FILE
from esr.recipes.read import check
from esr.recipes.rows import Change, Row
from esr.recipes.telling import complaints, first_of, missing, short, some
from tests.tiny_project import ROOT

PARAMS = read_yaml(ROOT / PARAMS_FILE)


def test_the_first_complaint_is_told_with_the_number_of_the_others() -> None:
    assert first_of(["scale: is missing"]) == "params.yaml: scale: is missing"
    assert first_of(["scale: is missing", "b"]) == "params.yaml: scale: is missing (and 1 more)"
    assert first_of(["scale: is missing", "b", "c"]) == "params.yaml: scale: is missing (and 2 more)"


def test_a_text_of_sixty_characters_is_shown_whole_and_a_longer_one_without_its_middle() -> None:
    sixty = "".join(str(number % 10) for number in range(60))
    assert short(sixty) == sixty
    assert short(sixty + "!") == sixty[:30] + "..." + sixty[41:] + "!" + " (61 characters)"


def test_what_does_something_to_a_terminal_is_written_out() -> None:
    assert short("a\x1b[2Jb\n") == r"a\x1b[2Jb\n"
    assert short("größe") == "größe"


def test_names_are_all_told_up_to_twelve() -> None:
    assert some([], "x") == "none"
    assert some(["b", "a"], "x") == "b, a"
    twelve = [f"n{number}" for number in range(12)]
    assert some(twelve, "x") == ", ".join(twelve)
    assert some(["a" * 61], "x") == "a" * 30 + "..." + "a" * 20 + " (61 characters)"


def test_of_more_than_twelve_names_those_most_like_the_wrong_one_come_first() -> None:
    """``rlfx`` shares three of four letters with ``rlfn``, ``rlfnnn`` three of six; the rest shares none."""
    others = [letter * 5 for letter in "abcdeghijkm"]
    assert some([*others, "rlfnnn", "rlfn"], "rlfx") == ", ".join(["rlfn", "rlfnnn", *others[:10]]) + " and 1 more"
    assert some([*others, "ooooo", "rlfnnn", "rlfn"], "rlfx").endswith(" and 2 more")


def test_of_many_long_names_the_likest_is_found_by_what_is_shown_of_it() -> None:
    """Their middles, in which they differ from what was written, are not shown."""
    names = [f"{letter * 30}{'-' * 40}{letter * 20}" for letter in "abcdefghijklmn"]
    wrong = "n" * 30 + "+" * 40 + "n" * 20
    assert some(names, wrong).startswith("n" * 30 + "..." + "n" * 20 + " (90 characters), ")


def test_a_name_that_names_nothing() -> None:
    assert missing("train.x.data", "df3k", ["div2k", "df2k"]) == (
        "train.x.data: df3k names nothing; there are: div2k, df2k"
    )
    assert missing("train.x.data", "a\n", []) == r"train.x.data: a\n names nothing; there are: none"


class Inner(Row):
    """A row in a row."""

    number: int = 0
    word: Literal["a", "b"] = "a"
    other: str | None = Field(None, alias="also")


class Table(Row):
    """What complaints are about."""

    one: Inner = Inner()
    rows: dict[str, Inner] = {}
    several: list[Inner] = []
    filled: dict[str, int] = Field(default={"x": 1}, min_length=1)
    many: list[int] = Field(default=[1], min_length=1)
    changes: list[Change] = []
    flag: bool = True
    perhaps: Inner | None = None
    needed: int


def told(**content: object) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Table.model_validate({"needed": 1, **content})
    return complaints(refused.value, Table)


ACCEPTED = "accepted are: number, word, also"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"ome": 1},
            "ome: unknown key; accepted are: one, rows, several, filled, many, changes, flag, perhaps, needed",
        ),
        ({"one": {"numbr": 1}}, f"one.numbr: unknown key; {ACCEPTED}"),
        ({"rows": {"x": {"numbr": 1}}}, f"rows.x.numbr: unknown key; {ACCEPTED}"),
        ({"several": [{}, {"numbr": 1}]}, f"several.1.numbr: unknown key; {ACCEPTED}"),
        ({"perhaps": {"numbr": 1}}, f"perhaps.numbr: unknown key; {ACCEPTED}"),
        ({"perhaps": 3}, "perhaps: here belong keys and their values, not 3"),
        ({"one": 3}, "one: here belong keys and their values, not 3"),
        ({"one": None}, "one: here belong keys and their values, not null"),
        ({"rows": [1, 2]}, "rows: here belong keys and their values, not a list of 2"),
        ({"rows": {"x": "ab"}}, "rows.x: here belong keys and their values, not 'ab'"),
        ({"filled": {}}, "filled: the table needs a row"),
        ({"many": []}, "many: List should have at least 1 item after validation, not 0, not a list of 0"),
        ({"flag": "yes"}, "flag: Input should be a valid boolean, not 'yes'"),
        ({"needed": True}, "needed: Input should be a valid integer, not true"),
        ({"needed": False}, "needed: Input should be a valid integer, not false"),
        ({"needed": None}, "needed: Input should be a valid integer, not null"),
        ({"needed": {"a": 1}}, "needed: Input should be a valid integer, not a mapping"),
        ({"needed": 1.5}, "needed: Input should be a valid integer, not 1.5"),
        (
            {"needed": "1" * 61},
            f"needed: Input should be a valid integer, not '{'1' * 30}...{'1' * 20} (61 characters)'",
        ),
        ({"one": {"word": "c"}}, "one.word: Input should be 'a' or 'b', not 'c'"),
        (
            {"changes": [{"loss": "l1"}]},
            "changes.0: say from where on: give either after_epoch or after_iteration",
        ),
        ({"rows": {3: {}}}, "rows.3: Input should be a valid string"),
        ({"rows": {"y" * 61: {"number": ""}}}, None),
    ],
)
def test_a_complaint_word_for_word(content: dict[str, object], line: str | None) -> None:
    place = f"rows.{'y' * 30}...{'y' * 20} (61 characters).number"
    assert told(**content) == [line or f"{place}: Input should be a valid integer, not ''"]


def test_what_is_missing_is_told_so_and_each_complaint_is_one() -> None:
    with pytest.raises(ValidationError) as refused:
        Table.model_validate({"one": {"number": "1"}})
    assert complaints(refused.value, Table) == [
        "one.number: Input should be a valid integer, not '1'",
        "needed: is missing",
    ]


def test_a_complaint_about_a_row_itself_has_no_place() -> None:
    with pytest.raises(ValidationError) as refused:
        Change.model_validate({"after_epoch": 3})
    assert complaints(refused.value, Change) == ["say what changes: give learning_rate, loss or both"]


def test_an_unknown_key_of_what_is_no_row_is_to_be_removed() -> None:
    class Plain(BaseModel, extra="forbid"):
        number: int = 0

    class Holder(Row):
        plain: Plain = Plain()

    with pytest.raises(ValidationError) as refused:
        Holder.model_validate({"plain": {"numbr": 1}})
    assert complaints(refused.value, Holder) == ["plain.numbr: unknown key; remove it"]


def refusal(**tables: Any) -> str:
    params = copy.deepcopy(PARAMS)
    params.update(tables)
    with pytest.raises(EsrError) as refused:
        check(params)
    return str(refused.value)


def test_the_refusal_of_params_yaml_is_the_first_complaint() -> None:
    assert refusal(scale=0) == "params.yaml: scale: Input should be a valid string, not 0"
    assert refusal(scale=0, join=1) == "params.yaml: scale: Input should be a valid string, not 0 (and 1 more)"
    assert refusal(scale="huge", download={}).startswith("params.yaml: download: the table needs a row")
