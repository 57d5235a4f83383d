"""Makes docs/screenshots/: every page, light and dark, on a desktop in Korean and on a phone in English.

`make screenshots`; needs Chromium and playwright, as `make test-browser` does. The pictures are small on purpose.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright
from whole_server import a_whole_server

FOLDER: Final = Path(__file__).parents[1] / "docs" / "screenshots"
QUESTION: Final = {"ko": "노트북 관세율은 얼마인가요?", "en": "How are lithium batteries labelled?"}
WORDS: Final = {"ko": "노트북 관세율", "en": "lithium battery label"}
PAGES: Final = ("search", "documents", "reading", "ask", "hs-codes", "code", "monitor", "alerts", "settings")
_DEVICES: Final = {"desktop": ("ko", 1280, 800, 0.5), "phone": ("en", 390, 780, 0.6)}


def _addresses(client: httpx.Client, language: str) -> dict[str, str]:
    name = {"ko": "노트북", "en": "import-procedure"}[language]
    (document, *_) = client.get("/api/v1/documents", params={"name": name}).json()["items"]
    chunk = next(one for one in client.get(document["links"]["chunks"]).json()["items"] if one["box"])
    box = ",".join(str(chunk["box"][side]) for side in ("left", "top", "right", "bottom"))
    place = f"start={chunk['start']}&end={chunk['end']}&page={chunk['page']}&box={box}"
    return {
        "search": f"/?q={WORDS[language]}",
        "documents": "/documents",
        "reading": f"/documents/{document['id']}?{place}",
        "ask": "/ask",
        "hs-codes": f"/hs-codes?q={ {'ko': '노트북', 'en': 'laptop'}[language] }",
        "code": "/hs-codes/8471.30",
        "monitor": "/monitor",
        "alerts": "/monitor#alerts",
        "settings": "/settings",
    }


def _settle(page: Any, name: str, language: str) -> None:
    if name == "ask":
        page.fill("#question", QUESTION[language])
        page.keyboard.press("Enter")
        page.wait_for_selector("button.cited", timeout=60_000)
        page.wait_for_function("() => document.getElementById('messages').getAttribute('aria-busy') === 'false'")
        page.click("button.cited >> nth=0")
    page.wait_for_function("() => !document.querySelector('main .waiting:not([hidden]), main [aria-busy=true]')")
    if name == "reading":
        page.wait_for_function("() => document.querySelector('.sheet img')?.naturalWidth > 100")
    page.wait_for_timeout(2500 if name == "monitor" else 300)


def _keep(picture: bytes, name: str, scale: float) -> int:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.LANCZOS)
    path = FOLDER / f"{name}.webp"
    image.save(path, "WEBP", quality=70, method=6)
    return path.stat().st_size


def main() -> int:
    """0 when every picture was made."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("there is no Chromium here", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    size = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        a_whole_server(Path(folder) / "data") as client,
        sync_playwright() as it,
    ):
        after = client.post("/api/v1/samples").raise_for_status().json()["after"]
        while "after" in client.post("/api/v1/search", json={"query": "관세", "after": after}).json()["degraded"]:
            pass
        browser = it.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for device, (language, width, height, scale) in _DEVICES.items():
            addresses = _addresses(client, language)
            for theme in ("light", "dark"):
                context = browser.new_context(
                    base_url=str(client.base_url),
                    locale={"ko": "ko-KR", "en": "en-US"}[language],
                    color_scheme=theme,
                    viewport={"width": width, "height": height},
                    reduced_motion="reduce",
                )
                page = context.new_page()
                for name in PAGES:
                    page.goto("about:blank")
                    page.goto(addresses[name])
                    _settle(page, name, language)
                    size += _keep(page.screenshot(), f"{name}-{device}-{theme}", scale)
                context.close()
        browser.close()
    print(f"{len(PAGES) * 4} pictures, {size / 1000:.0f} kB, in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
