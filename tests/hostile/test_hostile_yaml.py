"""params.yaml and dvc.yaml as files: what DVC reads is what esr reads, and what cannot be read is told in one line."""

from pathlib import Path

import pytest
from dvc.utils.serialize import parse_yaml

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.planning.guesses import read_guesses

ROOT = Path(__file__).resolve().parents[2]

SCALARS = [
    "010",
    "0o10",
    "0x10",
    "0b11",
    "1:30",
    "1:30:05",
    "no",
    "No",
    "off",
    "OFF",
    "yes",
    "on",
    "y",
    "n",
    "true",
    "True",
    "TRUE",
    "false",
    "1e-3",
    "1.e3",
    "1e3",
    "1E+2",
    "1.0e-3",
    ".5",
    "+.5",
    "-.5",
    "5.",
    "+1",
    "-1",
    "+1e5",
    "~",
    "null",
    "Null",
    "NULL",
    "2024-01-01",
    "2024-01-01T10:00:00Z",
    "1_000",
    "1_0.5",
    '"1_000"',
    "'010'",
    '"no"',
    ".inf",
    "-.inf",
    ".INF",
    "0",
    "00",
    "0.0",
    "-0",
    "1e",
    "3e",
    "e3",
    "1.2.3",
    "0o9",
    "1__0",
    "x=y",
    "a:b",
    "http://x.y/z",
    "12e03",
    "12e1.5",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def told(file: Path) -> str:
    with pytest.raises(EsrError) as refusal:
        read_yaml(file)
    message = str(refusal.value)
    assert "\n" not in message and len(message) < 400 + len(str(file)), message
    return message.removeprefix(str(file))


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize("place", ["a: {}\n", "a:\n- {}\n- x\n", "a: [1, {} ]\n", "{}: a\n"])
def test_a_scalar_is_what_dvc_takes_it_for(scalar: str, place: str, file: Path) -> None:
    text = place.format(scalar)
    file.write_text(text)
    assert repr(read_yaml(file)) == repr(parse_yaml(text, file))


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml"])
def test_the_project_s_files_are_what_dvc_takes_them_for(name: str) -> None:
    text = (ROOT / name).read_text()
    assert repr(read_yaml(ROOT / name)) == repr(parse_yaml(text, name))


MERGED = """
finetune:
  one: &one
    patch: 256         # [G] not said
    loss: l1           # [G] a guess
    arguments: {channels: 8}
  two: &two
    <<: *one
    loss: l2
    from: finetune/one
  three:
    <<: [{patch: 512}, *two]
    batch: 4           # [G] mine
"""


def test_merge_keys(file: Path) -> None:
    """By hand, after https://yaml.org/type/merge.html: own keys win, then the earlier one of a list."""
    file.write_text(MERGED)
    one = {"patch": 256, "loss": "l1", "arguments": {"channels": 8}}
    two = {**one, "loss": "l2", "from": "finetune/one"}
    assert read_yaml(file) == {"finetune": {"one": one, "two": two, "three": {**two, "patch": 512, "batch": 4}}}
    assert read_yaml(file) == parse_yaml(MERGED, file)


def test_a_merged_value_keeps_its_mark(file: Path) -> None:
    """[G] stands beside a value; a row that merges the value has the guess, one that has its own value has not."""
    file.write_text(MERGED)
    found = {(guess.row, guess.key): (guess.value, guess.reason) for guess in read_guesses(file)}
    assert found == {
        ("finetune/one", "patch"): (256, "not said"),
        ("finetune/one", "loss"): ("l1", "a guess"),
        ("finetune/two", "patch"): (256, "not said"),
        ("finetune/three", "batch"): (4, "mine"),
    }


@pytest.mark.parametrize(
    ("text", "line", "culprit"),
    [
        ("scale: demo\nscale: paper\n", 2, "the key scale stands twice"),
        ("train:\n  a: {x: 1}\n  b: {x: 1}\n  a: {x: 2}\n", 4, "the key a stands twice"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  y: 1\n  y: 2\n", 5, "the key y stands twice"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", 4, "<< stands twice"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "expected ',' or ']'"),
        ("a: 1\n\tb: 2\n", 2, "'\\t'"),
        ("a: 1\nb: *c\n", 2, "undefined alias 'c'"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: 1\nb: !!python/object/apply:os.system [true]\n", 2, "the tag !!python/object/apply:os.system"),
        ("a: 1\nb: !mine 2\n", 2, "the tag !mine"),
        ("a: 1\nb: !!binary aGk=\n", 2, "the tag !!binary"),
        ("a: 1\nb: 2024-13-45\n", 2, "'2024-13-45' cannot be read"),
        ("a: 1\nb: 0x_\n", 2, "'0x_' cannot be read"),
        ("a: 1\nb: " + "9" * 5000 + "\n", 2, "a number of 5000 digits"),
        ("a: 1\nb: 0x" + "f" * 50_000 + "\n", 2, "a number of 50002 digits"),
        ("a: 1\nb: \x01\n", 2, "a character that YAML does not take"),
        ("a: 1\n? {b: c}\n: 2\n", 2, "unhashable key"),
        ("a: 1\nb:\n  <<: 2\n", 3, "merging"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, culprit: str, file: Path) -> None:
    file.write_text(text)
    message = told(file)
    assert message.startswith(f", line {line}: ") and culprit in message


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: [1, 2\nb: 3\n", "a: !mine 2\n"])
def test_dvc_refuses_these_too(text: str, file: Path) -> None:
    file.write_text(text)
    told(file)
    with pytest.raises(Exception, match=r"corrupted|tag"):
        parse_yaml(text, file)


def test_bytes_that_are_not_utf_8(file: Path) -> None:
    file.write_bytes("a: 1\nb: café\n".encode("latin-1"))
    assert told(file) == ", line 2: this is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize("text", ["", "demo", "- scale: demo\n", "null"])
def test_a_file_that_is_no_mapping(text: str, file: Path) -> None:
    file.write_text(text)
    assert "no mapping at its top level" in told(file)


def laughs(first: str, link: str) -> str:
    return f"a0: &a0 {first}\n" + "".join(link.format(n=n, before=", ".join([f"*a{n - 1}"] * 9)) for n in range(1, 30))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        laughs("[lol, lol]", "a{n}: &a{n} [{before}]\n"),
        laughs("{x: 1, y: 2}", "a{n}: &a{n} {{<<: [{before}]}}\n"),
        laughs("{x: 1, y: 2}", "a{n}: &a{n} {{b: [{before}]}}\n"),
        "a: &a [*a]\n",
        "a: &a {b: {c: *a}}\n",
        "a: " + "[" * 20_000 + "]" * 20_000,
        "a: " + "{a: " * 20_000,
        "- " * 20_000,
        "".join(" " * depth + "a:\n" for depth in range(1000)),
    ],
    ids=["lists", "merges", "mappings", "a list in itself", "a mapping in itself", "[[[", "{{{", "- - -", "a: a: a:"],
)
def test_a_file_that_expands_or_nests_without_end_is_refused(text: str, file: Path) -> None:
    file.write_text(text)
    message = told(file)
    assert any(word in message for word in ("anchors expand", "merges make", "nested too deeply")), message
