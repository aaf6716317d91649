"""Run ``snakemake --lint``; fail for any complaint that is not accepted here, with its reason."""

import re
import subprocess
import sys

ACCEPTED = {
    # One environment for all stages, pinned in constraints.txt, which `make` builds: DVC and a person need it as well.
    "Specify a conda environment or container for each rule.",
}


def complaints(lints: str) -> set[str]:
    """The titles in what ``snakemake --lint`` printed."""
    return set(re.findall(r"^ {4}\* (.+):$", lints, flags=re.M))


def main() -> int:
    """Lint the workflow of the current folder; gives the exit code."""
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, check=False)
    lints = done.stdout + done.stderr
    found = complaints(lints)
    if done.returncode == 0 or (found and found <= ACCEPTED):
        print("snakemake --lint: nothing but what is accepted")
        return 0
    print(lints, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
