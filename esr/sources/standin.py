"""The photographs that come with scikit-image and scikit-learn, which stand in for every source at demo.

These are the colour photographs inside the installed packages, as files: nothing is downloaded, and neither
package is imported (scikit-learn alone takes a second). Left out are drawings, logos, text and test patterns,
because no camera made them; grey photographs, because the challenge's images have colour and a grey one
repeated three times teaches nothing about it; and the right half of the stereo pair, which shows what the left
half shows. Photographs through a telescope, a microscope and an eye's lens stay: they are photographs.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import Literal

from esr.common.errors import EsrError
from esr.common.files import whole_file

HELD_OUT = {"chelsea": ("skimage", "data/chelsea.png"), "coffee": ("skimage", "data/coffee.png")}
FOR_TRAINING = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "hubble-deep-field": ("skimage", "data/hubble_deep_field.jpg"),
    "immunohistochemistry": ("skimage", "data/ihc.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
}


def copy_stand_ins(use: Literal["training", "validation"], folder: Path) -> None:
    """Copy the photographs for this use into ``folder``: for validation the two that are held out whole."""
    for name, (package, path) in (HELD_OUT if use == "validation" else FOR_TRAINING).items():
        photograph = _package_folder(package) / path
        if not photograph.is_file():
            raise EsrError(f"{photograph} is missing from this version of {package}; install the pinned one")
        with whole_file(folder / f"{name}{photograph.suffix}") as temporary:
            shutil.copyfile(photograph, temporary)


def _package_folder(package: str) -> Path:
    """Where a package is installed, found without importing it."""
    specification = importlib.util.find_spec(package)
    if specification is None or not specification.submodule_search_locations:
        raise EsrError(f"the package {package} is not installed; its photographs are the data at demo")
    return Path(specification.submodule_search_locations[0])
