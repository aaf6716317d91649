"""Links of the pages outside the site, and mentions of pages in code and parameters, lead to files that are there.

The site's own links are mkdocs's to check (`make docs`).
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.tiny_project import ROOT

OUTSIDE = ["README.md", "CONTRIBUTING.md", "config/README.md", "networks/README.md", "checkpoints/README.md"]
OUTSIDE += ["released/networks/README.md", "released/checkpoints/README.md"]


@pytest.mark.parametrize("page", OUTSIDE)
def test_relative_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text())
    assert links
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_pages_that_files_mention_are_there() -> None:
    found = subprocess.run(
        ["git", "grep", "-ohIE", r"\bdocs/[a-z-]+\.md", "--", ":!tests/docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    mentioned = set(found.stdout.split())
    assert "docs/recipes.md" in mentioned
    assert [name for name in sorted(mentioned) if not Path(ROOT, name).is_file()] == []
