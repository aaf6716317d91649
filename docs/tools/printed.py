"""What README.md and the pages show of commands that print at once, made by running these commands.

    python docs/tools/printed.py           # runs them and writes what they print into the pages
    python docs/tools/printed.py --check   # exit code 1, naming the page, where one shows something else

A block of ``console`` is such an example when its commands begin as ``AT_ONCE`` says, and it shows some output.
What takes training or data is shown as it was once printed, and is not run here.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = re.compile(r"esr (recipe|complexity|--help)\b")
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", flags=re.M | re.S)
WIDTH = 88  # columns


def pages() -> list[Path]:
    """The pages that may show examples."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def renewed(text: str) -> str:
    """A page's text with what its examples print now."""
    return BLOCK.sub(lambda block: _renew(block.group()), text)


def _renew(block: str) -> str:
    lines = block.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    shows_output = len(commands) < len(lines)
    if not shows_output or not all(AT_ONCE.match(command) for command in commands):
        return block
    return "".join(f"$ {command}\n{printed(command)}" for command in commands)


def printed(command: str) -> str:
    """What a shell prints for a command, without the spaces at the ends of lines."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": str(WIDTH), "TERM": "dumb"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).strip("\n").splitlines()
    return "".join(line.rstrip() + "\n" for line in lines)


def main(check: bool) -> int:
    """Renew every page, or name those that are out of date; gives the exit code."""
    code = 0
    for page in pages():
        text = page.read_text()
        if (now := renewed(text)) == text:
            continue
        if check:
            print(f"{page.relative_to(ROOT)} shows what its commands do not print; run python docs/tools/printed.py")
            code = 1
        else:
            page.write_text(now)
    return code


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
