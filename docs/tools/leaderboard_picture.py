"""README's picture of the leaderboard: the top of a page, by Chromium, 1280 px wide.

python docs/tools/leaderboard_picture.py [reports/demo/index.html]     # writes docs/images/leaderboard.png
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).resolve().parents[1] / "images" / "leaderboard.png"
WIDTH, HEIGHT = 1280, 1720


def take_picture(page: Path, picture: Path) -> None:
    """Write what a window of this size shows of ``page``, in light colours."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("leaderboard_picture: no Chromium is installed; apt install chromium")
    if not page.is_file():
        sys.exit(f"leaderboard_picture: {page} is missing; run make run")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        flags += [f"--window-size={WIDTH},{HEIGHT}", "--virtual-time-budget=3000", f"--screenshot={picture}"]
        subprocess.run([chromium, *flags, page.resolve().as_uri()], check=True, timeout=120, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    take_picture(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/demo/index.html"), PICTURE)
