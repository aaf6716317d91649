"""Where the organisers of a year look for an entry, and how their loader takes it: since 2024 they ask for the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from esr.challenge.formulas import FORMULAS
from esr.common.errors import EsrError
from esr.recipes.telling import short

LATEST = max(FORMULAS)
MOST_TEAMS = 999
LONGEST_NAME = 100


@dataclass(frozen=True)
class Layout:
    """A team's place in the repository of a year.

    Attributes:
        year: of the challenge.
        team: its number.
        name: of the entry, as in ``team21_SlimRLFN``.

    Raises:
        EsrError: the year has no such repository, or a name or number that the organisers could not use.
    """

    year: int
    team: int
    name: str

    def __post_init__(self) -> None:
        if self.year not in FORMULAS:
            years = ", ".join(map(str, FORMULAS))
            raise EsrError(f"--year {self.year}: there are the organisers' repositories of {years}; name one of these")
        if not 1 <= self.team <= MOST_TEAMS:
            raise EsrError(f"--team {self.team} is no team's number, as 0 is the baseline's; give 1 to {MOST_TEAMS}")
        if not (self.name.isidentifier() and self.name.isascii() and len(self.name) <= LONGEST_NAME):
            raise EsrError(
                f"--name {short(self.name)} cannot be part of a module's name; use letters, digits and _ alone, "
                f"{LONGEST_NAME} at most"
            )

    @property
    def repository(self) -> str:
        """Where the organisers' code is."""
        return f"https://github.com/Amazingren/NTIRE{self.year}_ESR"

    @property
    def module(self) -> str:
        """Such as ``team21_SlimRLFN``."""
        return f"team{self.team:02}_{self.name}"

    @property
    def model_file(self) -> str:
        """The network's file."""
        return f"models/{self.module}.py"

    @property
    def checkpoint(self) -> str:
        """The weights' file."""
        return f"model_zoo/{self.module.lower()}.pth"

    def branch(self, network: str, arguments: Mapping[str, Any], data_range: float) -> str:
        """The entry's branch of ``select_model`` in ``test_demo.py``, indented as it stands there."""
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        lines = [
            f"elif model_id == {self.team}:",
            f"    from models.{self.module} import {network}",
            f'    name, data_range = f"{{model_id:02}}_{self.name}", {data_range:.1f}',
            f'    model_path = os.path.join("model_zoo", "{self.module.lower()}.pth")',
            f"    model = {network}({given})",
            "    model.load_state_dict(torch.load(model_path), strict=True)",
        ]
        return "".join(f"    {line}\n" for line in lines)

    def command(self) -> str:
        """What the organisers type, in their repository."""
        return (
            "CUDA_VISIBLE_DEVICES=0 python test_demo.py "
            f'--data_dir "${{DATA_DIR:-../}}" --save_dir "${{SAVE_DIR:-../results}}" --model_id {self.team}'
        )

    def script(self) -> str:
        """A shell script that runs the entry in a clone of the organisers' repository."""
        return f"""#!/bin/bash
# Run this in a clone of {self.repository} that has
# {self.model_file} and {self.checkpoint}, and in select_model of test_demo.py what select_model.txt holds.
# DATA_DIR is the folder with DIV2K_LSDIR_valid_LR and DIV2K_LSDIR_valid_HR.
{self.command()}
"""
