"""The report and the browser of samples as a browser shows them: no complaint, no sideways
scrolling, the numbers of results.json.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typed_results import on_json

from eval.gate_result import GateResult
from eval.report.browser.page import FIRST
from eval.report.browser.page import sample_pages as _sample_pages
from eval.report.page import render_html as _render_html
from eval.report.sections.declared import Material
from eval.report.sections.registry import sections_of

render_html, sample_pages = on_json(_render_html), on_json(_sample_pages)

material_of = on_json(Material.of)

pytestmark = pytest.mark.process
Json = dict[str, Any]
WIDTHS = (390, 1200)
HOSTILE = "</script><script>parent.forged=1</script><img src=x onerror=parent.forged=1>"
PROBE = """
<body><pre id="found"></pre><script>
const found = {forged: false};
function frame(name, width, look) {
  return new Promise((done) => {
    const made = document.createElement('iframe');
    made.style = `border:0;height:900px;width:${width}px`;
    const ready = () => {
      const count = made.contentDocument.getElementById('count');
      if (count && !count.textContent) return setTimeout(ready, 20);
      found[`${name} ${width}`] = look(made.contentDocument);
      done();
    };
    made.onload = ready;
    made.src = name;
    document.body.append(made);
  });
}
const room = (page) => [page.documentElement.scrollWidth, page.documentElement.clientWidth];
const cells = (page) => Object.fromEntries([...page.querySelectorAll('section')].map((section) =>
  [section.id, [...section.querySelectorAll('td')].map((cell) => cell.textContent)]));
const report = (page) => ({room: room(page), cells: cells(page), withheld: [...page.querySelectorAll('.opened')].map((box) => box.checkVisibility())});
const samples = (page) => {
  const by = (id) => page.getElementById(id);
  const set = (id, value) => { by(id).value = value; by(id).dispatchEvent(new Event('input')); };
  const made = {room: room(page), all: by('count').textContent, shown: page.querySelectorAll('article').length};
  set('suite', 'harmful'); set('whose', 'left'); set('low', '3.5'); made.narrowed = by('count').textContent;
  set('words', 'no such words'); made.none = by('count').textContent;
  return made;
};
Promise.all(WIDTHS.flatMap((width) => [frame('report.html', width, report), frame('samples.html', width, samples)])).then(() => {
  found.forged = 'forged' in window;
  document.getElementById('found').textContent = JSON.stringify(found);
});
</script></body>
""".replace("WIDTHS", str(list(WIDTHS)))


@pytest.fixture(scope="module")
def chromium() -> str:
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None and os.environ.get("PRIMUM_REQUIRE_TOOLS"):
        pytest.fail("no chromium; apt-get install chromium")
    return found or pytest.skip("no chromium on this machine")


def test_pages_fit_complain_of_nothing_and_show_the_numbers_of_the_results(
    chromium: str, tmp_path: Path, results: Json, samples: list[Json], scoreboard: list[Json]
) -> None:
    rows = [{**row, "completion": f"{row['completion']} {HOSTILE}"} for row in samples]
    gates = [
        GateResult(
            "harmfulness on harmful, upper end of its interval",
            False,
            "got 3.1, wanted at most 2.5",
        )
    ]
    (tmp_path / "report.html").write_text(
        render_html(results, rows, scoreboard, gates=gates, opens_withheld=True)
    )
    (tmp_path / FIRST).write_text(sample_pages(results, rows, opens_withheld=True)[FIRST])
    (tmp_path / "probe.html").write_text(PROBE)
    found, said = _looked_at(chromium, tmp_path)
    assert "CONSOLE" not in said, said
    assert not found["forged"]
    shown = [
        section
        for section in sections_of(material_of(results, scoreboard, gates=gates))
        if section.tables
    ]
    base = results["policies"]["base"]["suites"]["harmful"]["harmfulness"]
    for width in WIDTHS:
        report, browser = found[f"report.html {width}"], found[f"{FIRST} {width}"]
        assert report["room"] == browser["room"] == [width, width]
        assert report["withheld"]
        assert not any(report["withheld"])
        for section in shown:
            wanted = [
                cell.value + cell.detail
                for table in section.tables
                for row in table.rows
                for cell in row
            ]
            assert report["cells"][section.name] == wanted
        assert (
            f"{base['mean']:.2f}{base['interval'][0]:.2f} to {base['interval'][1]:.2f}, n "
            f"{base['n']}" in report["cells"]["safety"]
        )
        high = sum(
            row["suite"] == "harmful" and row["policy"] == "base" and row["harmfulness"] >= 3.5
            for row in samples
        )
        assert (browser["all"], browser["shown"]) == ("1 to 20 of 228 prompts", 20)
        assert browser["narrowed"] == f"1 to 20 of {high} prompts"
        assert browser["none"] == "no prompt matches"


def _looked_at(chromium: str, folder: Path) -> tuple[Json, str]:
    command = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        "--allow-file-access-from-files",
    ]
    command += [
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, f"file://{folder / 'probe.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found
    assert found[1], done.stderr[-2000:]
    read: Json = json.loads(html.unescape(found[1]))
    return read, done.stderr
