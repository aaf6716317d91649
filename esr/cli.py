"""The command line: which commands there are, and how they end. What each takes stands in esr/commands."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, NoReturn

import typer

from esr.commands.challenge_commands import challenge
from esr.commands.data_commands import data, downscale, inspect
from esr.commands.recipe_commands import plan, recipe, schema
from esr.commands.record_commands import crate, trace, verify
from esr.commands.run_commands import accept, checkpoints, run, sync, track
from esr.commands.stage_commands import benchmark, code, report
from esr.commands.weights_commands import complexity, evaluate, export, import_, layers, submission, upscale
from esr.common.errors import EsrError, Terminated, is_out_of_memory, printable

app = typer.Typer(
    help="Rebuild, prune, fuse and measure entries of the NTIRE Efficient Super-Resolution challenge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

STAGES = "Stages (run by Snakemake and DVC)"
PROJECT = "A project and its results"
WEIGHTS = "Weights files, in any folder"
LOOKING = "Images, recipes and the challenge's tables"
KINDS = {
    "download": "Fetch a source of images and list it in a manifest.",
    "crop": "Cut a source's images to multiples of 4 and pack them with their LR.",
    "join": "Make one set of two, without a copy.",
    "teacher": "Train a teacher.",
    "distill": "Train an entry's first phase under a teacher.",
    "train": "Train an entry's first phase.",
    "finetune": "Train a further phase from the weights of the one before.",
    "prune": "Remove channels and fine-tune, until the PSNR passes a limit of the row.",
    "fuse": "Turn re-parameterisable convolutions into plain ones.",
}


def _add_stage(kind: str, about: str) -> None:
    """Add the command of a kind of stage whose row is all that it takes."""

    def command(key: Annotated[str, typer.Argument(help="The row of params.yaml.")]) -> None:
        from esr.stages.running import run_stage

        run_stage(kind, key)

    app.command(kind, help=about, rich_help_panel=STAGES)(command)


def _add_all(commands: Iterable[Callable[..., None]], panel: str) -> None:
    for command in commands:
        app.command(command.__name__.rstrip("_"), rich_help_panel=panel)(command)


for kind, about in KINDS.items():
    _add_stage(kind, about)
_add_all((benchmark, code, report), STAGES)
_add_all((run, sync, track, trace, verify, crate, accept, checkpoints), PROJECT)
_add_all((evaluate, upscale, complexity, layers, import_, submission, export), WEIGHTS)
_add_all((challenge, downscale, inspect, data, recipe, plan, schema), LOOKING)


def main() -> None:
    """Run a command; bad input, a file system that refuses and too little memory end in one line and exit code 2."""
    from esr.images.pillow_limit import lift_pillows_limit

    try:
        lift_pillows_limit()
        if "" in sys.argv[1:]:  # as a path it would mean the current folder
            raise EsrError("an argument is empty; is a variable of the shell unset?")
        try:
            app()
        finally:
            sys.stdout.flush()  # now: at exit, a full disk would end in a traceback
    except EsrError as error:
        _end(str(error), 2)
    except Terminated as stop:
        _end(str(stop), stop.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            what = error.filename if error.filename is not None else "a file"
            _end(f"{what}: {error.strerror}; make room, or make it readable and writable, then run again", 2)
        if type(error).__name__ == "SafetensorError":  # of the library, around what the system says
            _end(f"a weights file cannot be written ({error}); make room, then run again", 2)
        if is_out_of_memory(error):
            _end("memory does not suffice; end other programs, or give less to do at once", 2)
        raise


def _end(why: str, code: int) -> NoReturn:
    print(f"esr: {printable(why)}", file=sys.stderr)
    sys.exit(code)
