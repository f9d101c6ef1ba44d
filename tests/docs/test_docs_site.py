"""The site that `make docs` builds: without a warning, with all pages, and with sound links."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NO_PAGE = {"intro"}
"""What another page includes."""


def build_site(docs: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of the Makefile's `docs`, from a folder of pages to another folder."""
    (line,) = re.findall(r"^docs: .*\n\t(\S+ -m sphinx .*)$", (ROOT / "Makefile").read_text(), re.M)
    _python, *options = shlex.split(line)
    assert options[-2:] == ["docs", "build/docs"]
    return subprocess.run(
        [sys.executable, *options[:-2], str(docs), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_has_all_pages_and_no_warning(tmp_path: Path) -> None:
    done = build_site(DOCS, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    pages = {path.stem for path in DOCS.glob("*.md")} - NO_PAGE
    assert pages <= {path.stem for path in tmp_path.glob("*.html")}
    assert "life-of-a-job.svg" in (tmp_path / "architecture.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("link", ["nowhere.md", "sync.md#nowhere", "#nowhere"])
def test_a_link_that_leads_nowhere_is_a_warning(link: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("conf.py", "sync.md"):
        shutil.copy(DOCS / name, docs)
    (docs / "sync.md").write_text("# Sync\n", encoding="utf-8")
    toctree = "```{toctree}\nsync\n```\n"
    (docs / "index.md").write_text(f"# Pages\n\n[text]({link})\n\n{toctree}", encoding="utf-8")
    done = build_site(docs, tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere" in done.stderr
