"""``make run PROFILE=...``: what it would install and call; nothing is run."""

import subprocess

import pytest

from tests.tiny_project import ROOT

PLUGIN = "--constraint constraints.txt --editable '.[{place}]'"


def planned(*arguments: str) -> list[str]:
    """The commands that ``make`` would run for ``run``."""
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", "run", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip().splitlines()


@pytest.mark.parametrize("place", ["slurm", "kubernetes"])
def test_a_cluster_s_profile_brings_its_plugin_and_one_of_the_user_s_is_passed_on(place: str) -> None:
    commands = planned(f"PROFILE={place} mine")
    assert any(PLUGIN.format(place=place) in command for command in commands)
    assert commands[-1].endswith(f"-m esr run --profile {place} --profile mine")


@pytest.mark.parametrize("arguments", [[], ["PROFILE=mine"]])
def test_nothing_is_installed_for_other_places(arguments: list[str]) -> None:
    installs = [PLUGIN.format(place=place) for place in ("slurm", "kubernetes")]
    assert not any(each in command for each in installs for command in planned(*arguments))
