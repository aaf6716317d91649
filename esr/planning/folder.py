"""The command ``data``: look at a folder of images, draw patches of it, and put its rows into params.yaml."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from esr.common.errors import EsrError
from esr.common.factor import SCALE
from esr.common.yaml_file import read_yaml
from esr.images.outputs import check_outputs
from esr.packed.unpacked import UnpackedSet
from esr.planning.own_data import OwnData, partner_of, project
from esr.planning.show_folder import megapixels, print_folder, usual_patch
from esr.recipes.graph import GRAPH_FILE, PARAMS_FILE
from esr.recipes.new_rows import Rows, add_rows, refuse_existing
from esr.recipes.read import check
from esr.sources.survey import Survey, survey

LARGEST_PATCH = 1024
"""HR px of a sheet's patches; a sheet of these has 12,000 x 4,000 px."""


@dataclass(frozen=True)
class SheetWanted:
    """A contact sheet that somebody wants.

    Attributes:
        path: the PNG to write.
        patch: side of its patches, in HR px; None: a usual one.
        seed: of what is drawn.
        overwrite: replace a file that is there.
    """

    path: Path
    patch: int | None
    seed: int
    overwrite: bool


def look_at_folder(own: OwnData, sheet: SheetWanted | None, verify: bool, write: bool) -> None:
    """Print what the folder holds and its rows, then draw the sheet and write the rows, if these are wanted.

    Args:
        own: the folder, and what its rows shall say; ``partner`` None stands for the usual one.
        sheet: the contact sheet that is wanted.
        verify: decode every image.
        write: put the rows into params.yaml.

    Raises:
        EsrError: no images; a name, a sheet or a row that cannot be; with ``write``, images that would be refused.
    """
    params = check(read_yaml(PARAMS_FILE)) if write else project()
    own = replace(own, partner=partner_of(own.partner, own.use, params))
    wanted = own.rows(1.0)  # so that names that cannot be are told before the folder is looked at
    if write:
        _refuse_to_write(wanted)
    if sheet:
        _refuse_sheet(own, sheet)
    found = survey(own.hr, own.lr, verify)
    rows = own.rows(megapixels(found))
    print_folder(found, own, rows, params)
    if sheet:
        _draw(found, sheet)
    if write:
        if found.refusals or not found.usable:
            told = f"{len(found.refusals):,} of its files would be refused" if found.refusals else "it has no image"
            raise EsrError(f"{own.hr}: {told}; mend or remove them, then --write")
        add_rows(PARAMS_FILE, rows)
        print(f"{PARAMS_FILE}: added {', '.join(f'{table}.{key}' for table, of in rows.items() for key in of)}")


def _refuse_to_write(rows: Rows) -> None:
    if not GRAPH_FILE.is_file():
        raise EsrError(f"{GRAPH_FILE} is missing; run esr in the project's folder, or without --write")
    refuse_existing(read_yaml(PARAMS_FILE), rows)


def _refuse_sheet(own: OwnData, sheet: SheetWanted) -> None:
    if sheet.path.suffix.lower() != ".png":
        raise EsrError(f"{sheet.path} is no name of a PNG; name the sheet FILE.png")
    place = Path(os.path.realpath(sheet.path))
    if any(place.is_relative_to(os.path.realpath(folder)) for folder in (own.hr, own.lr) if folder):
        raise EsrError(f"{sheet.path} would lie among the images and be taken for one; name another place")
    if sheet.patch is not None and (sheet.patch % SCALE or not SCALE <= sheet.patch <= LARGEST_PATCH):
        raise EsrError(f"a patch of {sheet.patch} px cannot be shown; give a multiple of {SCALE} up to {LARGEST_PATCH}")
    check_outputs([sheet.path], [], sheet.overwrite)


def _draw(found: Survey, sheet: SheetWanted) -> None:
    from esr.planning.contact_sheet import draw_sheet  # imports torch, which takes seconds

    if not found.usable:
        raise EsrError(f"{found.hr}: no image can be used, so there is no sheet to draw")
    patch = sheet.patch or usual_patch(found)
    draw_sheet(UnpackedSet(found.hr, found.usable), patch, sheet.seed, sheet.path)
    print(f"{sheet.path}: the first patches of {patch} px that a phase would draw by seed {sheet.seed}, LR beside HR")
