"""The command line: a command per kind of stage, and the tools that a person uses by hand. It parses and calls."""

import sys
from typing import Annotated

import typer

from esr.errors import EsrError, Terminated

app = typer.Typer(
    help="Rebuild, prune, fuse and measure entries of the NTIRE Efficient Super-Resolution challenge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

STAGES = "Stages (run by Snakemake and DVC)"
TOOLS = "Tools"

Key = Annotated[str, typer.Argument(help="The row of params.yaml.")]


def _stage(kind: str, about: str) -> None:
    """Add the command of a kind of stage."""

    def command(key: Key) -> None:
        from esr.running import run_stage

        run_stage(kind, key)

    app.command(kind, help=about, rich_help_panel=STAGES)(command)


_stage("download", "Fetch a source of images and list it in a manifest.")
_stage("crop", "Cut a source's images to multiples of 4 and pack them with their LR.")
_stage("join", "Make one set of two, without a copy.")
_stage("teacher", "Train a teacher.")
_stage("distill", "Train an entry's first phase under a teacher.")
_stage("train", "Train an entry's first phase.")
_stage("finetune", "Train a further phase from the weights of the one before.")
_stage("prune", "Remove channels and fine-tune, until the PSNR loss passes the row's limit.")
_stage("fuse", "Turn re-parameterisable convolutions into plain ones.")
_stage("benchmark", "Measure complexity, quality and run time.")


@app.command(rich_help_panel=STAGES)
def report() -> None:
    """Write the leaderboard: CSV, Markdown and a page."""
    from esr.running import run_stage

    run_stage("report", "")


@app.command(rich_help_panel=TOOLS)
def run() -> None:
    """Run everything that is not up to date, through Snakemake, and print the leaderboard."""
    from esr.driving import run_everything

    raise typer.Exit(run_everything())


@app.command(rich_help_panel=TOOLS)
def sync(
    dvc: Annotated[bool, typer.Option("--dvc", help="Bring only DVC's record up to date.")] = False,
) -> None:
    """Bring Snakemake's and DVC's records up to date from each other."""
    from esr.syncing import sync_records

    sync_records(only_dvc=dvc)


def main() -> None:
    """Run a command; bad input ends in one line and exit code 2."""
    try:
        app()
    except EsrError as error:
        print(f"esr: {error}", file=sys.stderr)
        sys.exit(2)
    except Terminated:
        sys.exit(143)
