"""The contact sheet of the demo's photographs, as `esr data FOLDER --sheet FILE.png --patch 64` draws it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from esr.packed.unpacked import UnpackedSet
from esr.planning.contact_sheet import draw_sheet
from esr.sources.standin import copy_stand_ins
from esr.sources.survey import survey

PATCH = 64


def draw_photographs(path: Path) -> None:
    """Write the picture, a PNG, to ``path``."""
    with TemporaryDirectory() as folder:
        copy_stand_ins("training", Path(folder))
        found = survey(Path(folder))
        draw_sheet(UnpackedSet(found.hr, found.usable), PATCH, 0, path)
