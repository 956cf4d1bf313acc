"""The HTML page of a sweep, in a browser without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scenarios import ScenarioError, Sweep
from scenarios.campaigns import page

CHROMIUM = next((name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), None)

# Chooses other axes and a value, hides a curve by a click on its name, and writes down what is drawn each time.
CLICKS = """
<script>
const seen = [];
const drawn = () => document.getElementById("plot").data;
const note = what => seen.push([what, drawn().map(t => [t.name, t.x, t.y, t.visible ?? true])]);
const choose = (id, text) => {
  const select = document.getElementById(id);
  select.value = [...select.options].find(option => option.text === text).value;
  select.dispatchEvent(new Event("change"));
};
note("first");
choose("at:pipe.rate_bps", "2e6"); note("rate");
choose("x", "pipe.rate_bps"); choose("by", "users"); note("axes");
choose("y", "jain_rate"); note("metric");
const name = document.querySelector("#plot .legendtoggle");
for (const kind of ["mousedown", "mouseup"]) name.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
setTimeout(() => { note("click"); const told = document.createElement("pre"); told.id = "told";
                   told.textContent = JSON.stringify(seen); document.body.append(told); }, 800);
</script>
"""


def test_the_page_is_whole_and_escaped(made: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_plotly", lambda: "/* plotly */")
    monkeypatch.setitem(made.record, "command", "fairwave sweep </script><b>")
    text = page.render(made)
    assert "6 points of users, pipe.rate_bps; 6 done; 3 drops each" in text
    assert "</script><b>" not in text and "for the users that both have the same demand_bits" in text
    data = json.loads(re.search(r"const D = (.*);", text)[1])  # type: ignore[index]
    assert data["values"]["users"] == ["2", "4", "40"] and len(data["rows"]) == len(made.metrics)
    assert not re.search(r"(src|href)=", text)  # nothing is fetched


def test_a_page_without_plotly_is_refused_with_what_to_do(made: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ScenarioError, match=r"pip install 'fairwave\[page\]'"):
        page.render(made)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_curves_are_chosen_and_hidden_in_a_browser(made: Sweep, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="the extra page (Plotly) is not installed")
    text = page.write_page(made, tmp_path / "page.html").read_text("utf-8")
    before, end, after = text.rpartition("</body>")  # Plotly's script has one, too
    (tmp_path / "clicks.html").write_text(f"{before}{CLICKS}{end}{after}", "utf-8")
    shown = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=6000", "--dump-dom", f"file://{tmp_path / 'clicks.html'}"],
        capture_output=True, text=True, timeout=300, check=True,
    ).stdout  # fmt: skip
    told = re.search(r'<pre id="told">(.*?)</pre>', shown)
    assert told is not None
    seen = dict(json.loads(told[1]))
    assert [trace[0] for trace in seen["first"]] == ["Even", "Greedy"] and seen["first"][0][1] == [2, 4, 40]
    means = made.metric("rate_mean").query("`pipe.rate_bps` == 2e6 and allocator == 'Even'")["mean"]
    assert seen["rate"][0][2] == pytest.approx(means.tolist(), rel=1e-5)
    assert [trace[0] for trace in seen["axes"]] == ["2", "4", "40"] and seen["axes"][0][1] == [1e6, 2e6]
    assert seen["metric"][0][2] != seen["axes"][0][2]
    assert [trace[3] for trace in seen["click"]] == ["legendonly", True, True]
