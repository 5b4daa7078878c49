"""Photograph the last run for README and docs/: `make pictures`.

Reads `metrics/report/index.html` and `models/ner`. Writes `docs/report.png` and `docs/serve.png`, each with
at most 256 colours, so that they stay small in Git.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from ner.core.command import run_command
from ner.core.errors import PipelineError
from tests.support.browser import CHROMIUM, DRIVER, show, start_browser

REPORT = Path("metrics/report/index.html")
TAGGER = Path("models/ner")
PICTURES = Path("docs")
WIDTH = 1200  # CSS pixels
REPORT_HEIGHT = 1020  # the headline, the scores by label and the other ways to count
ANSWER_SECONDS = 60


def main() -> None:
    """Take both pictures."""
    for path in (REPORT, TAGGER / "config.json"):
        if not path.is_file():
            raise PipelineError(f"{path}: no such file.", remedy="run dvc repro first.")
    if not CHROMIUM or not DRIVER:
        raise PipelineError("Chromium or chromedriver is absent.", remedy="make browser")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = start_browser(profile)
        try:
            show(browser, REPORT.resolve().as_uri(), width=WIDTH)
            save_picture(browser, PICTURES / "report.png", height=REPORT_HEIGHT)
            with serve_tagger() as url:
                show(browser, url, width=WIDTH)
                send_text(browser)
                end = "return document.querySelector('#result').getBoundingClientRect().bottom"
                save_picture(browser, PICTURES / "serve.png", height=int(browser.execute_script(end)))
        finally:
            browser.quit()


@contextmanager
def serve_tagger() -> Iterator[str]:
    """Run `ner serve` on a free port and yield its address."""
    command = [sys.executable, "-m", "tools", "serve", "--port", "0", "--model", str(TAGGER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - a fixed command
        try:
            line = server.stdout.readline() if server.stdout else ""
            if " on http" not in line:
                raise PipelineError("ner serve did not start.", remedy="see its message above.")
            yield line.split(" on ")[1].split()[0]
        finally:
            server.terminate()


def send_text(browser: Any) -> None:  # noqa: ANN401 - selenium's driver
    """Press the button below the text that the page comes with, and wait for the entities."""
    from selenium.webdriver.support.ui import WebDriverWait

    # Without the emoji of that text, for which a server has no font.
    field = "document.getElementById('text')"
    browser.execute_script(f"{field}.value = {field}.value.replace(/ \\p{{Emoji_Presentation}}/u, '')")
    browser.find_element("id", "send").click()
    WebDriverWait(browser, ANSWER_SECONDS).until(
        lambda driver: driver.find_element("id", "result").is_displayed()
    )
    browser.execute_script("document.activeElement.blur()")  # no focus ring in the picture


def save_picture(browser: Any, path: Path, *, height: int) -> None:  # noqa: ANN401 - selenium's driver
    """Save the top of the page."""
    size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    picture = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    path.parent.mkdir(exist_ok=True)
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stderr.write(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    run_command(main)
