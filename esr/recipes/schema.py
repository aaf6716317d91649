"""The JSON schema of params.yaml: what editors complete and check the file by, and what Snakemake validates it with."""

import json
from typing import Any

from esr.recipes.read import Params

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def params_schema() -> str:
    """The schema as JSON text; workflow/params.schema.json holds it."""
    schema = Params.model_json_schema(by_alias=True)
    definitions = [schema, *schema["$defs"].values()]
    for properties in (definition.get("properties", {}) for definition in definitions):
        for value in properties.values():
            value.pop("title", None)  # pydantic's are the keys again
            if "patternProperties" in value:
                value["additionalProperties"] = False  # a row's name must fit the pattern
    return json.dumps({"$schema": DIALECT, **schema, **_named()}, indent=2, sort_keys=True) + "\n"


def _named() -> dict[str, Any]:
    return {"title": "params.yaml", "description": "Every recipe, one row per phase, and the scales that shrink it."}
