"""Commands that show what params.yaml says."""

from typing import Annotated

import typer

from esr.commands.options import ScaleOption


def recipe(
    entry: Annotated[str, typer.Argument(help="The entry, such as slimrlfn.")],
    scale: ScaleOption = None,
) -> None:
    """Show an entry's phases: what the factsheet says, and what runs at a scale."""
    from esr.planning.phases import at_scale
    from esr.planning.recipe import print_recipe
    from esr.recipes.graph import PARAMS_FILE

    print_recipe(*at_scale(scale), PARAMS_FILE, entry)


def plan(
    scale: ScaleOption = None,
    entry: Annotated[list[str] | None, typer.Option(help="Only this entry; may be given again. Else all.")] = None,
) -> None:
    """Measure a few iterations of every phase, and tell what a scale would take on this machine."""
    from esr.planning.phases import at_scale
    from esr.planning.scale_plan import make_plan
    from esr.planning.show import print_plan

    graph, params = at_scale(scale)
    print_plan(make_plan(graph, params, entry or []), params)


def schema() -> None:
    """Print the JSON schema of params.yaml, which editors and Snakemake check it by."""
    from esr.recipes.schema import params_schema

    print(params_schema(), end="")
