"""P1: from the last key to the results on the page, in a real Chromium over 10,000 chunks, and where that time goes."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, percentile
from benchmarks.server import RunningServer, a_server
from benchmarks.texts import abstracts, queries

_CHUNKS: Final = 10_000
_QUERIES: Final = 60
_WORDS: Final = 3
_KEY_MILLISECONDS: Final = 90
"""Between two keys of who types fast: sixty words a minute are 200."""
_WITHIN_MILLISECONDS: Final = 100
# Told by the page itself: when the last key went down, when a frame with other results was drawn, and what the request
# took of it. The frame counts that is drawn after the list was changed.
_WATCH: Final = """
() => {
  const told = (window.told = { key: 0, shown: 0, asked: [] });
  const query = document.getElementById("query");
  query.addEventListener("keydown", () => { told.key = performance.now(); told.shown = 0; }, true);
  new MutationObserver(() => {
    const key = told.key;
    requestAnimationFrame(() => { if (key === told.key) told.shown = performance.now(); });
  }).observe(document.getElementById("hits"), { childList: true });
  const own = window.fetch;
  window.fetch = async (...given) => {
    const began = performance.now();
    const answer = await own(...given);
    if (String(given[0]?.url ?? given[0]).includes("/api/v1/search")) told.asked.push([began, performance.now()]);
    return answer;
  };
}
"""
_SHOWN: Final = "() => told.shown > told.key && !document.getElementById('busy').offsetParent"


def _typed(page: Any, text: str) -> tuple[float, float, float]:
    """Milliseconds from the last key until the results are drawn, of the pause before it asks, and of the request."""
    page.fill("#query", "")
    page.wait_for_function("() => document.getElementById('found').hidden")
    page.evaluate("() => { told.key = 0; told.shown = 0; told.asked.length = 0; }")
    page.type("#query", text, delay=_KEY_MILLISECONDS)
    page.wait_for_function(_SHOWN, polling=5)
    told = json.loads(page.evaluate("() => JSON.stringify(told)"))
    began, answered = told["asked"][-1]
    return told["shown"] - told["key"], began - told["key"], answered - began


def _texts() -> list[str]:
    """The first words of real questions, each new to every cache."""
    found = {" ".join(text.lower().split()[:_WORDS]) for text in queries()}
    return sorted(found)[: _QUERIES + 10]


def _measured(server: RunningServer, texts: Sequence[str]) -> list[tuple[float, float, float]]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        page.goto(server.url)
        page.wait_for_selector("#query")
        page.evaluate(_WATCH)
        seen = [_typed(page, text) for text in texts]
        browser.close()
    return seen[len(texts) - _QUERIES :]


def measure(chunks: int = _CHUNKS, shelf: Path | None = None) -> list[Figure]:
    """All of it at `chunks` chunks; a data directory that has them is measured as it is."""
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as fresh, a_server(shelf or Path(fresh)) as server:
        if shelf is None or not server.search("flow")["hits"]:
            server.upload(abstracts(chunks))
            server.wait_until_searchable(chunks)
        seen = _measured(server, _texts())
    note = f"{chunks} chunks, {_KEY_MILLISECONDS} ms between keys"
    total, waited, asked = (list(values) for values in zip(*seen, strict=True))
    drawn = [one - pause - request for one, pause, request in seen]
    return [
        Figure("P1", "last key to results, p50", percentile(total, 0.5), "ms", None, "≤ 100 ms",
               percentile(total, 0.5) <= _WITHIN_MILLISECONDS, note),
        Figure("P1", "last key to results, p95", percentile(total, 0.95), "ms", None, "", None, note),
        *(
            Figure("P1", f"of it {what}, p50", percentile(part, 0.5), "ms", None, "", None, note)
            for what, part in (("the pause before it asks", waited), ("the request", asked), ("drawing", drawn))
        ),
    ]  # fmt: skip
