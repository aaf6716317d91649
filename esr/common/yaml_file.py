"""params.yaml and dvc.yaml, read as DVC reads them: YAML 1.2, by the library that DVC uses.

Refused besides is what DVC accepts and a reader would misread: a key that stands twice beside a merge (``<<``), a tag,
anchors that expand without end.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.reader import ReaderError

from esr.common.errors import EsrError

KNOWN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp", "str", "seq", "map")
}
DEEPEST = 50  # lists and mappings within one another
LONGEST_NUMBER = 400  # characters; the largest float has 309 digits
MOST_KEYS = 10_000
"""Of a mapping after its merges."""
MOST_VALUES = 1_000_000
"""Of a file with its anchors written out; a thousand rows have some 20,000."""


class _Constructor(SafeConstructor):
    """The library's, with complaints that name a line."""

    def flatten_mapping(self, node: MappingNode) -> None:
        if getattr(node, "merge", None) is None:  # else it is merged already, and its own keys may stand twice
            _refuse_duplicates(node)
        super().flatten_mapping(node)
        if len(node.value) > MOST_KEYS:
            raise ConstructorError(None, None, f"merges make more than {MOST_KEYS} keys here", node.start_mark)

    def construct_non_recursive_object(self, node: Node, tag: str | None = None) -> Any:
        if node.tag not in KNOWN_TAGS:
            short = str(node.tag).replace("tag:yaml.org,2002:", "!!")
            raise ConstructorError(None, None, f"the tag {short[:60]} is not taken; remove it", node.start_mark)
        if node.tag == "tag:yaml.org,2002:int" and len(node.value) > LONGEST_NUMBER:
            raise ConstructorError(None, None, f"a number of {len(node.value)} digits; shorten it", node.start_mark)
        try:
            return super().construct_non_recursive_object(node, tag)
        except (LookupError, ValueError) as error:  # 2024-13-45, !!int x
            raise ConstructorError(
                None, None, f"{node.value[:60]!r} cannot be read: {error}", node.start_mark
            ) from error


def _refuse_duplicates(node: MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, ScalarNode):
            if (key.tag, key.value) in seen:
                raise ConstructorError(
                    None, None, f"the key {key.value[:60]} stands twice; remove or rename one", key.start_mark
                )
            seen.add((key.tag, key.value))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 mapping.

    Raises:
        EsrError: there is no such file, or it cannot be read; names the file and, where there is one, the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise EsrError(f"{path} is missing; run esr in the project's folder") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise EsrError(f"{path}, line {line}: this is not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise EsrError(f"{path} cannot be read: {error.strerror}") from error
    value = _parse(path, text)
    if not isinstance(value, dict):
        raise EsrError(f"{path} holds no mapping at its top level; it starts with keys such as `scale: demo`")
    return value


def _parse(path: Path, text: str) -> Any:
    # Pure Python: the C parser that some machines have ends the process where lists nest too deeply.
    parser = YAML(typ="safe", pure=True)
    parser.Constructor = _Constructor
    parser.max_depth = DEEPEST
    try:
        value = parser.load(text)
        if _expanded(value, {}) > MOST_VALUES:
            raise EsrError(f"{path}: its anchors expand to more than {MOST_VALUES:,} values; use fewer")
        value = _written_out(value)
    except (RecursionError, MaxDepthExceededError) as error:
        raise EsrError(f"{path}: lists or mappings are nested too deeply; make it flatter") from error
    except YAMLError as error:
        raise EsrError(f"{path}{_complaint(error, text)}") from error
    return value


def _complaint(error: YAMLError, text: str) -> str:
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f", line {line}: there is a character that YAML does not take; remove it"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    told = [getattr(error, "context", None), getattr(error, "problem", None)]
    problem = " ".join(", ".join(filter(None, told)).split())[:200] or "this is no YAML"
    return f", line {mark.line + 1}: {problem}" if mark else f": {problem}"


def _written_out(value: Any) -> Any:
    """A copy in which no part stands in two places: a change of one does not change another."""
    if isinstance(value, dict):
        return {key: _written_out(each) for key, each in value.items()}
    return [_written_out(each) for each in value] if isinstance(value, list) else value


def _expanded(value: Any, counted: dict[int, int]) -> int:
    """How many values there are with every anchor written out; RecursionError where one holds itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in counted:
        inside = value.values() if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(_expanded(each, counted) for each in inside)
    return counted[id(value)]
