"""Run the fenced commands of README.md and of the pages for beginners as they stand, but for those that take long.

    python .ci/readme_commands.py FOLDER     # a project that has results

Each block of ``bash`` or ``console`` is one shell, which ends at the first command that fails; params.yaml is put back
after each. What is left out is printed with the reason. The exit code is 1 when a block failed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", ROOT / "docs" / "released-weights.md"]
LEFT_OUT = {
    r"make (run|test|check|test-slow)\b": "installs, trains or tests: jobs of their own",
    r"snakemake .*--cores": "trains",
    r"dvc (repro|exp run)\b": "trains",
    r"esr (run|plan)\b": "trains, or measures training",
    r"mlflow ui\b": "serves until it is stopped",
    r"(git clone|git checkout|cd) ": "is done",
    r".*\| head ": "docs/tools/printed.py compares what it prints",
}


def blocks(text: str) -> list[list[str]]:
    """The commands of each fenced block; of a console's, what stands behind ``$``."""
    found = []
    for language, block in re.findall(r"^```(bash|sh|console)\n(.*?)^```$", text, flags=re.M | re.S):
        lines = block.replace("\\\n", " ").splitlines()
        if language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found.append([line for line in lines if line.strip()])
    return found


def reason_to_leave_out(command: str) -> str | None:
    """Why a command is not run here; None if it is."""
    if "| dot " in command and not shutil.which("dot"):
        return "Graphviz is not installed"
    return next((why for pattern, why in LEFT_OUT.items() if re.match(pattern, command)), None)


def run(commands: list[str], folder: Path) -> bool:
    """Run the commands in one shell; whether all went well."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = "\n".join(["set -eo pipefail", *(f"echo {quoted(each)}\n{each}" for each in commands)])
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=False).returncode == 0


def quoted(command: str) -> str:
    """The command as a shell prints it, after ``$``."""
    return "'$ " + command.replace("'", "'\\''") + "'"


def run_block(commands: list[str], page: str, folder: Path) -> bool:
    """Run what of a block is not left out, and put params.yaml back; whether all went well."""
    for command in commands:
        if why := reason_to_leave_out(command):
            print(f"left out, {why}: {command}", flush=True)
    params = (folder / "params.yaml").read_bytes()
    try:
        well = run([command for command in commands if not reason_to_leave_out(command)], folder)
    finally:
        (folder / "params.yaml").write_bytes(params)
    if not well:
        print(f"^ this block of {page} failed", flush=True)
    return well


def main(folder: Path) -> int:
    """Run every block of the pages in the folder, also after one has failed; gives the exit code."""
    done = [run_block(commands, page.name, folder) for page in PAGES for commands in blocks(page.read_text())]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
