"""What the pages show of records is what the newest records say; a page that shows something else is found out."""

import pytest
import record_tables
from blocks import renewed

from tests.tiny_project import ROOT


@pytest.mark.parametrize("page", record_tables.PAGES)
def test_the_page_shows_the_newest_records(page: str) -> None:
    assert (ROOT / page).read_text() == record_tables.page_with_records(page), "run python docs/tools/record_tables.py"


def test_a_block_is_replaced_and_nothing_beside_it() -> None:
    page = "a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n"
    changed = "a\n<!-- one -->\n\\1 new\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n"
    assert renewed(page, "one", "\\1 new\n") == changed
    assert renewed(page, "two", "x\n").endswith("<!-- two -->\nx\n<!-- /two -->\n")


@pytest.mark.parametrize(("page", "count"), [("", 0), (2 * "<!-- one -->\n<!-- /one -->\n", 2)])
def test_a_page_without_the_block_or_with_two_is_refused(page: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"there are {count} blocks <!-- one -->"):
        renewed(page, "one", "new\n")
