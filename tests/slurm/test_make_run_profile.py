"""``make run PROFILE=...``: what it would install and call; nothing is run."""

import subprocess

import pytest

from tests.tiny_project import ROOT

PLUGIN = "--constraint constraints.txt --editable '.[slurm]'"


def planned(*arguments: str) -> list[str]:
    """The commands that ``make`` would run for ``run``."""
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", "run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip().splitlines()


def test_a_profile_of_slurm_brings_the_plugin_and_one_of_the_user_s_is_passed_on() -> None:
    commands = planned("PROFILE=slurm mine")
    assert any(PLUGIN in command for command in commands)
    assert commands[-1].endswith("-m esr run --profile slurm --profile mine")


@pytest.mark.parametrize("arguments", [[], ["PROFILE=mine"]])
def test_nothing_is_installed_for_other_places(arguments: list[str]) -> None:
    assert not any(PLUGIN in command for command in planned(*arguments))
