"""The report in a real browser: headless Chromium, driven through ChromeDriver."""

import json
import shutil

import pytest

from tests.synthetic_run import HOSTILE, PLAIN, render_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
)
WIDTHS = {"phone": 400, "desktop": 1200}

# The contrast of every text with what lies behind it (WCAG 2, 1.4.3), backgrounds composed from the
# page upwards; in the figures, text lies on at most half a colour over paper.
CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgba(color) {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = (top, base) => top.slice(0, 3).map((v, i) => v * top[3] + base[i] * (1 - top[3]));
const luminance = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + .05) / (low + .05);
};
const behind = element => {
  const chain = [];
  for (let e = element; e; e = e.parentElement) chain.unshift(rgba(getComputedStyle(e).backgroundColor));
  return chain.reduce((base, color) => over(color, base), [255, 255, 255]);
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || ['STYLE', 'SCRIPT'].includes(element.tagName)) continue;
  const style = getComputedStyle(element), isDrawn = element.closest('svg');
  const ink = rgba(isDrawn ? style.fill : style.color), paper = behind(element);
  const grounds = [paper];
  if (isDrawn && element.closest('#figure-confusion'))
    for (const name of ['--blue', '--orange']) {
      const color = rgba(getComputedStyle(document.documentElement).getPropertyValue(name).trim());
      grounds.push(over([...color.slice(0, 3), .5], paper));
    }
  const isLabel = isDrawn && style.fill !== getComputedStyle(document.body).color;  // beside the cells
  for (const ground of isLabel ? [paper] : grounds)
    found.push([contrast(over(ink, ground), ground), walker.currentNode.data.trim().slice(0, 40)]);
}
return found.sort((a, b) => a[0] - b[0]);
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Start a browser with an empty profile."""
    if not CHROMIUM or not DRIVER:
        pytest.skip("Chromium is absent: run make browser")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in [*ARGUMENTS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(params=["plain", "hostile"])
def page(request, tmp_path, monkeypatch):
    """Render a report and return its address."""
    tagged = {"plain": PLAIN, "hostile": HOSTILE}[request.param]
    source = "data/ein-langer-name-ohne-leerzeichen" * 4
    folder = render_report(tmp_path, monkeypatch, tagged, source=source)
    return (folder / "index.html").as_uri()


def show(driver, page, *, width=1200, scheme="light"):
    """Open the page at a width and in a colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page)


def test_the_page_asks_for_nothing_and_says_nothing_on_the_console(driver, page):
    """One request, the page's own; a corpus word `<script>` does not run."""
    driver.get_log("performance")
    driver.get_log("browser")
    show(driver, page)
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page]
    assert driver.get_log("browser") == []
    assert driver.execute_script("return document.scripts.length") == 0
    assert driver.title.endswith(tuple("0123456789"))
    assert driver.execute_script("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_nothing_runs_over_the_edge(driver, page, width):
    """A wide table or figure scrolls in its own box."""
    show(driver, page, width=width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(driver, page, scheme):
    show(driver, page, scheme=scheme)
    found = driver.execute_script(CONTRAST)
    assert len(found) > 200
    assert [one for one in found if one[0] < 4.5] == []
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(13, 17, 23)") is (scheme == "dark")


def test_a_keyboard_reaches_links_and_scrolling_boxes_and_sees_where_it_is(driver, page):
    """The first stop is the skip link; every stop has an outline and a name."""
    from selenium.webdriver.common.keys import Keys

    show(driver, page, width=400)
    stops = []
    for _ in range(60):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        stop = driver.execute_script(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.tagName, e.className, e.innerText || e.getAttribute('aria-label'), s.outlineStyle];"
        )
        if stop[0] == "BODY":
            break
        stops.append(stop)
    assert stops[0][2] == "Skip to the content"
    assert all(text for _, _, text, _ in stops)
    assert {outline for *_, outline in stops} == {"solid"}
    boxes = driver.execute_script(
        "return [...document.querySelectorAll('.scroll, pre')].filter(e => e.scrollWidth > e.clientWidth)"
    )
    assert boxes
    assert sum(class_name == "scroll" or tag == "PRE" for tag, class_name, *_ in stops) >= len(boxes)


def test_the_print_is_light_and_has_no_navigation(driver, page):
    """Also from a dark screen."""
    show(driver, page, scheme="dark")
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    ink = driver.execute_script("return getComputedStyle(document.body).color")
    navigation = driver.execute_script("return getComputedStyle(document.querySelector('nav')).display")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert ink == "rgb(27, 31, 39)"
    assert navigation == "none"
