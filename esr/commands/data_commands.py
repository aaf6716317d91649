"""Commands that look at images and packed sets."""

from pathlib import Path
from typing import Annotated

import typer

from esr.common.errors import EsrError
from esr.sources.use import Use


def downscale(
    hr: Annotated[Path, typer.Argument(metavar="HR_DIR", help="Folder of HR images.")],
    lr: Annotated[Path, typer.Argument(metavar="LR_DIR", help="Folder to write to.")],
    clamp_edges: Annotated[
        bool, typer.Option("--clamp-edges", help="Continue images by their edge pixels, not mirrored.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Make the LR set of a folder of HR images, by MATLAB's bicubic."""
    from esr.images.downscale import downscale_folder

    downscale_folder(hr, lr, "clamp" if clamp_edges else "mirror", overwrite)


def inspect(
    path: Annotated[Path, typer.Argument(help="A manifest, a store, or the folder that holds them.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read every image and compare its hash.")] = False,
) -> None:
    """Say what a source or a packed set holds."""
    from esr.sources.inspection import inspect as describe

    print(describe(path, verify))


def data(
    hr: Annotated[Path, typer.Argument(metavar="HR_FOLDER", help="Folder of your HR images, with its subfolders.")],
    lr: Annotated[Path | None, typer.Option(help="Folder of their LR images; else cropping makes them.")] = None,
    name: Annotated[str, typer.Option(help="Of the rows.")] = "mine",
    use: Annotated[Use, typer.Option(help="What the images are for.")] = Use.training,
    join: Annotated[
        str | None,
        typer.Option(metavar="SET", help="Join them to this set.  [default: df2k, or scored, where there is one]"),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw random training patches, LR beside HR.")
    ] = None,
    patch: Annotated[int | None, typer.Option(help="HR px of the sheet's patches.  [default: 256 if it fits]")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Of the sheet's patches.")] = 0,
    verify: Annotated[bool, typer.Option("--verify", help="Decode every image, as cropping will.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the rows into params.yaml.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.png if it is there.")] = False,
) -> None:
    """Say what a folder of images holds and what would be refused, and give the rows that train on it."""
    from esr.planning.folder import SheetWanted, look_at_folder
    from esr.planning.own_data import OwnData

    if sheet is None and (patch is not None or seed or overwrite):
        raise EsrError("--patch, --seed and --overwrite belong to a sheet; give --sheet FILE.png, too")
    wanted = SheetWanted(sheet, patch, seed, overwrite) if sheet else None
    look_at_folder(OwnData(name, use, hr, lr, join), wanted, verify, write)
