"""The page in a real browser: it renders, complains of nothing, and its table sorts and filters."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from run_kit import USAGE, MadeJournal
from tools import need_program

from snakemake_executor_plugin_batchx.report.page import make_page

pytestmark = pytest.mark.slow

BROWSER = next(filter(shutil.which, ("chromium", "google-chrome")), "chromium")

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom"),
)

DRIVER = """
<script>
const told = {before: [], slowest: [], quickest: [], shown: []};
const list = () => [...document.querySelectorAll("#jobs tbody tr")];
const names = rows => rows.map(row => row.cells[0].textContent);
const heads = [...document.querySelectorAll("#jobs th button")];
const ran = heads.find(each => each.textContent === "ran");
told.before = names(list());
ran.click();
told.slowest = names(list());
told.sort = ran.parentElement.getAttribute("aria-sort");
ran.click();
told.quickest = names(list());
const field = document.getElementById("filter");
field.value = "SAMPLE=2 tool";
field.dispatchEvent(new Event("input"));
told.shown = names(list().filter(row => !row.hidden && row.offsetHeight > 0));
told.bars = [...document.querySelectorAll(".timeline .job rect")].filter(
  each => each.getBoundingClientRect().width > 0).length;
told.overflows = document.documentElement.scrollWidth > document.documentElement.clientWidth;
document.body.append(Object.assign(document.createElement("pre"),
  {id: "told", textContent: JSON.stringify(told)}));
</script></body>
"""


def make_journal() -> MadeJournal:
    journal = MadeJournal()
    journal.tell_host()
    for number, (kind, wall) in enumerate(
        (("success", 50.0), ("tool", 9.0), ("success", 400.0), ("success", None)), 1
    ):
        submission = f"{number:06}"
        journal.submit(submission, label=f"Rule one (sample={number})", memory_mib=8192)
        usage = None if wall is None else {**USAGE, "wall_seconds": wall}
        journal.end_job(submission, kind, usage, starts=((20, 130),) if wall else ())
    journal.submit("000005", label="Rule <b>two</b>", rules=("two",))
    return journal


def browse(page: str, folder: Path) -> tuple[str, str]:
    """Open a page in the browser; return its document afterwards, and what was complained of."""
    need_program(BROWSER)
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [BROWSER, *FLAGS, profile, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(complaints)


@pytest.mark.timeout(180)
def test_the_page_renders_and_lets_no_other_script_run(tmp_path: Path) -> None:
    page = make_page(make_journal().report())
    injected = page.replace("</body>", "<script>document.title = 'taken'</script></body>")
    document, complaints = browse(injected, tmp_path)
    (complaint,) = complaints.splitlines()
    assert "Content Security Policy" in complaint
    assert "<title>Run r1</title>" in document
    assert 'class="has-script"' in document  # its own script has run
    assert document.count('class="job"') == 4
    assert document.count("<svg") == 4
    assert "&lt;b&gt;two&lt;/b&gt;" in document


@pytest.mark.timeout(180)
def test_the_table_of_jobs_sorts_and_filters(tmp_path: Path) -> None:
    page = make_page(make_journal().report())
    # The page itself would not let the test's script run.
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    document, complaints = browse(open_page.replace("</body>", DRIVER), tmp_path)
    assert complaints == ""
    found = re.search(r'<pre id="told">(.*?)</pre>', document)
    assert found is not None
    told = json.loads(unescape(found[1]))
    names = [f"one (sample={number})" for number in (1, 2, 3, 4)]
    two = "<b>two</b>"
    assert told["before"] == [*names, two]
    assert told["slowest"] == [names[2], names[3], names[0], names[1], two]
    assert told["sort"] == "descending"
    assert told["quickest"] == [names[1], names[0], names[3], names[2], two]
    assert told["shown"] == [names[1]]
    assert told["bars"] == 3 * 4 + 2
    assert not told["overflows"]
