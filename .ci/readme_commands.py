"""Run the fenced commands of README.md as they stand, in a project that has results, but for those that take long.

    python .ci/readme_commands.py FOLDER

Each block of ``bash`` or ``console`` is one shell, which ends at the first command that fails; params.yaml is put back
after each. What is left out is printed with the reason. The exit code is 1 when a block failed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
LEFT_OUT = {
    r"make (run|test|check|test-slow)\b": "installs, trains or tests: jobs of their own",
    r"snakemake .*--cores": "trains",
    r"dvc (repro|exp run)\b": "trains",
    r"esr (run|plan)\b": "trains, or measures training",
    r"mlflow ui\b": "serves until it is stopped",
    r"(git clone|cd) ": "is done",
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


def main(folder: Path) -> int:
    """Run every block of README.md in the folder; gives the exit code."""
    params = (folder / "params.yaml").read_bytes()
    well = True
    for commands in blocks(README.read_text()):
        for command in commands:
            if why := reason_to_leave_out(command):
                print(f"left out, {why}: {command}", flush=True)
        kept = [command for command in commands if not reason_to_leave_out(command)]
        try:
            if not run(kept, folder):
                well = False
                print("^ this block of README.md failed", flush=True)
        finally:
            (folder / "params.yaml").write_bytes(params)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
