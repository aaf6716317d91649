"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

NetworkOption = Annotated[
    Path | None,
    typer.Option("--network", metavar="FILE.py", help="Take this file for the network of the weights file; it is run."),
]
ScaleOption = Annotated[str | None, typer.Option(help="demo, pilot, paper, or another; else the one of params.yaml.")]
