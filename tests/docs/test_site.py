"""docs/ as a site: mkdocs builds it, strictly, and nothing on its pages is loaded from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from .conftest import DEADLINE, DOCS, ROOT

PAGES = sorted(path.name for path in ROOT.glob("docs/*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr  # a dead link or anchor is a warning, and a warning ends it
    return place


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > len(PAGES)
    for page in pages:
        loaded = re.findall(
            r"<(?:script|img|iframe)\b[^>]*\bsrc=\"([^\"]*)|<link\b[^>]*\bhref=\"([^\"]*)", page.read_text()
        )
        assert loaded
        assert [each for each in map("".join, loaded) if "//" in each] == [], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import\s*)['\"]?(?:https?:)?//", sheet.read_text()), sheet.name


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_same_shape_on_the_site_as_on_a_code_host(page: str, site: Path) -> None:
    """Python-Markdown wants a blank line before a list, CommonMark does not: a page must be fine for both."""
    html = (site / page).with_suffix(".html").read_text()
    article = html.partition('itemprop="articleBody">')[2].partition("<footer>")[0]
    text = DOCS[page].partition("\n[^")[0]  # without footnotes, which CommonMark does not know
    github = MarkdownIt("commonmark").enable("table").render(text)
    tags = ("li", "tr", "pre", "h1", "h2", "h3")
    assert {tag: len(re.findall(rf"<{tag}(?! id=\"fn:)\b", article)) for tag in tags} == {
        tag: github.count(f"<{tag}>") for tag in tags
    }


def test_the_index_leads_to_every_page() -> None:
    named = set(re.findall(r"\]\(([\w-]+\.md)", DOCS["index.md"]))
    assert named == {*PAGES} - {"index.md"}


def test_the_navigation_has_every_page() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert sorted(page for part in config["nav"] for pages in part.values() for page in ([pages] if isinstance(pages, str) else pages)) == PAGES  # fmt: skip
