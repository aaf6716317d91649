"""The site's reference pages, made when mkdocs builds it: of the schema of params.yaml, and of the command line.

mkdocs.yml names this file as a hook.
"""

import json
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click

from esr.cli import app
from esr.recipes.read import Params

Schema = dict[str, Any]
"""A schema, or a part of one."""

NAMES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "`null`"}
PARAMETERS = """# Parameters

Every key of `params.yaml`. The page is made from the schema by which editors, Snakemake and every command check the
file (`workflow/params.schema.json`; `esr schema` prints it). [Recipes](../recipes.md) says what the keys mean together.

A key without a default must be given.
"""
COMMANDS = """# Command line

Made from the commands themselves; `esr COMMAND --help` says the same. `python -m esr` is another name for `esr`.
Bad input ends in one line that names the culprit and the remedy, with exit code 2.

"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """mkdocs calls this when it has collected the pages."""
    pages = {"reference/parameters.md": parameters(), "reference/command-line.md": command_line()}
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def command_line() -> str:
    """The page of the commands, with a section each."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="esr")
    return COMMANDS + text[text.index("## ") :]  # the list of the commands before that is the page's table of contents


def parameters() -> str:
    """The page of the keys: a section per table of params.yaml, and one per kind of thing that stands inside them."""
    schema = Params.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    of_tables = {key: _row_of(value) for key, value in schema["properties"].items()}
    inner = [name for name in definitions if name not in of_tables.values()]
    parts = [PARAMETERS]
    for key, value in schema["properties"].items():
        row = of_tables[key]
        parts.append(f"## `{key}`\n\n{_sentence(value['description'])}\n")
        parts.append(_table(definitions[row]) if row else f"{_sentence(_type(value))}\n")
    parts.append("## Inside rows\n")
    for name in inner:
        parts.append(f"### {name}\n\n{_sentence(definitions[name].get('description', ''))}\n")
        parts.append(_table(definitions[name]))
    return "\n".join(parts)


def _row_of(value: Schema) -> str | None:
    """The definition of a table's rows, or of a table without rows; None for a plain value."""
    of_rows = [value, *value.get("patternProperties", {}).values()]
    return next((_name(each) for each in of_rows if "$ref" in each), None)


def _name(value: Schema) -> str:
    return str(value["$ref"]).rpartition("/")[2]


def _table(definition: Schema) -> str:
    lines = ["| key | what it may be | default | meaning |", "|---|---|---|---|"]
    needed = definition.get("required", [])
    for key, value in definition["properties"].items():
        default = "" if key in needed else _default(value.get("default"))
        cells = [f"`{key}`", _type(value), default, value.get("description", "")]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _type(value: Schema) -> str:
    """What a value may be, in words, with its bounds."""
    if "$ref" in value:
        name = _name(value)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(each) for each in value["anyOf"]))
    if "enum" in value or "const" in value:
        return ", ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if value.get("type") == "array":
        items = value.get("items") or value.get("prefixItems", [{}])[0]
        return f"list of: {_type(items)}"
    if value.get("type") == "object":
        of_values = [value.get("additionalProperties"), *value.get("patternProperties", {}).values()]
        said = [_type(each) for each in of_values if isinstance(each, dict)]
        return f"table of: {said[0]}" if said else "table"
    return (NAMES.get(value.get("type", ""), "any value") + _bounds(value)).strip()


def _bounds(value: Schema) -> str:
    ends = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    said = [f" {word} {value[key]:,.12g}" for key, word in ends.items() if key in value]
    return "".join(said)


def _default(value: object) -> str:
    """A default as params.yaml would say it; that of a table is said where its keys are."""
    return "its own" if value and isinstance(value, dict) else f"`{json.dumps(value)}`"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ")")) else ".")
