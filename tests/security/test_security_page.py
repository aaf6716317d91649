"""Every test that docs/security.md names as holding a claim is there, and every file of tests/security is named."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_tests_that_the_page_names() -> None:
    named = set(re.findall(r"`(tests/\S+\.py)`", (ROOT / "docs/security.md").read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []
    ours = {path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.glob("test_*.py")}
    assert ours - named == {"tests/security/test_security_page.py"}
