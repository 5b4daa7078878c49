"""The report in a real browser: headless Chromium, driven through ChromeDriver."""

import json

import pytest

from tests.support.browser import CONTRAST, show
from tests.support.synthetic_run import HOSTILE, PLAIN, render_report

WIDTHS = {"phone": 400, "desktop": 1200}


@pytest.fixture(params=["plain", "hostile"])
def page(request, tmp_path, monkeypatch):
    """Render a report and return its address."""
    tagged = {"plain": PLAIN, "hostile": HOSTILE}[request.param]
    source = "data/ein-langer-name-ohne-leerzeichen" * 4
    folder = render_report(tmp_path, monkeypatch, tagged, source=source)
    return (folder / "index.html").as_uri()


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
