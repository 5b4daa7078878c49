"""The page of the web service in a real browser."""

import json

import pytest

from tests.support.browser import CONTRAST, show
from tests.support.running_service import SECONDS, run_service

HOSTILE = "<img src=x onerror=alert(1)> Anna & <b>Bert</b>\n</p><script>alert(2)</script> Carl"
EMOJI = "👋🏽 Özgür 🇩🇪 und 👩‍👩‍👧 Anna"


@pytest.fixture
def running(driver):  # noqa: ARG001 - skips before anything is started
    """Serve with the gate open."""
    with run_service(is_open=True, characters=1000) as running:
        yield running


def find(driver, name):
    return driver.find_element("id", name)


def wait_for(driver, name, text):
    """Wait until an element says something."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, SECONDS, 0.02).until(lambda _: text in find(driver, name).text)


def send(driver, text, *, expect="found."):
    """Put a text into the field, press the button and wait for the outcome."""
    driver.execute_script("arguments[0].value = arguments[1]", find(driver, "text"), text)
    find(driver, "send").click()
    wait_for(driver, "status", expect)


def read_marks(driver):
    """Give the marked names without what stands behind them, and the whole marked text."""
    return driver.execute_script(
        "const p = document.getElementById('marked').cloneNode(true);"
        "p.querySelectorAll('small').forEach(small => small.remove());"
        "return [[...p.querySelectorAll('mark')].map(mark => mark.textContent), p.textContent];"
    )


def test_names_are_marked_in_the_text_with_label_and_score(running, driver):
    """In the colour of the legend; the table says the same to those who see no colour."""
    show(driver, running.url)
    send(driver, "Gestern traf Anna ein.")
    assert find(driver, "status").text == "2 entities found."
    assert find(driver, "marked").text == "Gestern PER 0.88 traf Anna PER 0.88 ein."
    assert [row.text for row in driver.find_elements("css selector", "#rows tr")] == [
        "Gestern PER 0.8750 0–7",
        "Anna PER 0.8750 13–17",
    ]
    classes = "return document.querySelector(arguments[0]).className"
    legend = driver.execute_script(classes, "#legend mark[data-label=PER]")
    assert driver.execute_script(classes, "#marked mark") == legend != ""


def test_a_name_in_another_is_marked_inside_it_and_the_table_tells_the_level(driver):
    """A frame tells it without colour; a screen reader hears `inner`. One level shows no such column."""
    with run_service(is_open=True, has_inner=True, characters=1000) as running:
        show(driver, running.url)
        send(driver, "An der Universität Jena 👋 lernt Anna.")
        nested = driver.execute_script(
            "return [...document.querySelectorAll('#marked mark mark')].map(mark =>"
            " [mark.parentElement.textContent, mark.textContent, mark.className,"
            "  getComputedStyle(mark).borderTopStyle])"
        )
        legend = driver.execute_script(
            "return document.querySelector('#legend mark[data-label=LOC]').className"
        )
        assert nested == [
            ["Universität Jena inner LOC 0.88 PER 0.88", "Jena inner LOC 0.88", f"{legend} inner", "solid"]
        ]
        assert [row.text for row in driver.find_elements("css selector", "#rows tr")] == [
            "An PER outer 0.8750 0–2",
            "Universität Jena PER outer 0.8750 7–23",
            "Jena LOC inner 0.8750 19–23",
            "Anna PER outer 0.8750 32–36",
        ]
        assert find(driver, "level-heading").is_displayed()
        assert find(driver, "status").text == "4 entities found."
        answer = json.loads(find(driver, "json").get_attribute("textContent"))
        assert [one["level"] for one in answer["entities"]] == ["outer", "outer", "inner", "outer"]
        assert [one for one in driver.execute_script(CONTRAST) if one[0] < 4.5] == []
    with run_service(is_open=True, characters=1000) as running:
        show(driver, running.url)
        send(driver, "Anna.")
        assert not find(driver, "level-heading").is_displayed()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(EMOJI, ["Özgür", "Anna"], id="emoji"),
        pytest.param(HOSTILE, ["Anna", "<b>Bert</b>", "Carl"], id="markup"),
        pytest.param("e\u0301 \ud83d Anna", ["Anna"], id="half-a-pair"),
    ],
)
def test_the_names_are_at_their_place_in_any_text_and_markup_is_text(running, driver, text, names):
    """The server counts code points, JavaScript UTF-16 units."""
    driver.get_log("browser")
    show(driver, running.url)
    if "\ud83d" in text:  # WebDriver itself cannot send it
        find(driver, "text").clear()
        driver.execute_script("document.getElementById('text').value = 'e\\u0301 \\ud83d Anna'")
        text = text.replace("\ud83d", "\ufffd")
        find(driver, "send").click()
        wait_for(driver, "status", "found.")
    else:
        send(driver, text)
    assert read_marks(driver) == [names, text]
    assert (
        driver.execute_script("return document.querySelectorAll('#result img, #result b, script').length")
        == 1
    )
    assert driver.get_log("browser") == []


def test_busy_errors_and_an_empty_result_are_said(driver):
    """The button keeps the focus while it is busy; an error hides what belonged to another text."""
    with run_service(characters=1000) as running:
        show(driver, running.url)
        find(driver, "send").click()
        assert running.tagger.entered.wait(SECONDS)
        find(driver, "send").click()
        assert find(driver, "status").text == "Looking for entities …"
        assert driver.switch_to.active_element == find(driver, "send")
        running.tagger.gate.set()
        wait_for(driver, "status", "entities found.")
        assert len(running.tagger.calls) == 1
        assert find(driver, "result").is_displayed()

        send(driver, "a" * 1001, expect="")
        wait_for(driver, "error", "The request holds 1,001 characters; at most 1,000")
        assert not find(driver, "result").is_displayed()
        send(driver, "fail", expect="")
        wait_for(driver, "error", "The tagger failed on this request. (500)")
        send(driver, "nobody")
        assert find(driver, "status").text == "No entity found."
        assert find(driver, "error").text == ""
    send(driver, "Anna", expect="")
    wait_for(driver, "error", "The server does not answer.")


@pytest.mark.parametrize("permission", ["granted", "denied"])
def test_the_answer_is_copied_as_json_or_selected_where_the_browser_refuses(running, driver, permission):
    show(driver, running.url)
    for name in ("clipboard-write", "clipboard-read"):
        driver.execute_cdp_cmd(
            "Browser.setPermission",
            {"permission": {"name": name}, "setting": permission, "origin": running.url},
        )
    send(driver, EMOJI)
    find(driver, "copy").click()
    wait_for(driver, "copied", "Copied." if permission == "granted" else "press Ctrl and C")
    read = (
        "return navigator.clipboard.readText()"
        if permission == "granted"
        else "return getSelection().toString()"
    )
    answer = json.loads(driver.execute_script(read))
    assert answer["text"] == EMOJI
    assert [EMOJI[one["start"] : one["end"]] for one in answer["entities"]] == ["Özgür", "Anna"]


def test_the_keyboard_alone_does_everything_and_sees_where_it_is(running, driver):
    """Skip link, field, button, table, copying, JSON, commands, links; Ctrl and Enter send."""
    from selenium.webdriver.common.keys import Keys

    show(driver, running.url)
    find(driver, "text").send_keys(Keys.CONTROL, Keys.ENTER)
    wait_for(driver, "status", "found.")
    driver.execute_script("document.activeElement.blur(); getSelection().removeAllRanges();")
    driver.execute_script("window.scrollTo(0, 0); document.body.tabIndex = -1; document.body.focus();")
    stops = []
    for _ in range(20):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        tag, name, outline = driver.execute_script(
            "const e = document.activeElement;"
            "return [e.tagName, e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText,"
            " getComputedStyle(e).outlineStyle];"
        )
        if tag == "BODY":
            break
        stops.append(name)
        assert outline == "solid", name
    assert stops == [
        "Skip to the content",
        "German text",
        "Find entities",
        "Entities with scores",
        "Copy as JSON",
        "JSON",
        "Commands",
        "GET /health",
        "openapi.json",
    ]


def test_a_screen_reader_is_told_what_happens(running, driver):
    """Outcomes are live regions, which are there before they speak."""
    show(driver, running.url)
    live = driver.execute_script(
        "return [...document.querySelectorAll('[role=status], [role=alert]')].map(e => [e.id, e.textContent])"
    )
    assert live == [["status", ""], ["error", ""], ["copied", ""]]
    assert driver.execute_script(
        "return [...document.querySelectorAll('[aria-labelledby], [aria-describedby]')].every(e =>"
        " document.getElementById(e.getAttribute('aria-labelledby') ?? e.getAttribute('aria-describedby')))"
    )
    assert find(driver, "text").accessible_name == "German text"


def test_the_page_asks_its_own_server_alone_and_says_nothing_on_the_console(running, driver):
    driver.get_log("performance")
    driver.get_log("browser")
    show(driver, running.url)
    send(driver, "Anna")
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url.removeprefix(running.url) for url in asked if not url.startswith("data:")} == {
        "/",
        "/page/report.css",
        "/page/page.css",
        "/page/page.js",
        "/predict",
    }
    assert driver.get_log("browser") == []


@pytest.mark.parametrize("text", [EMOJI, "W" * 900], ids=["short", "one-word"])
def test_nothing_runs_over_the_edge_of_a_phone(running, driver, text):
    show(driver, running.url, width=400)
    send(driver, text)
    driver.execute_script("document.getElementById('details').open = true")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(running, driver, scheme):
    """With names, an error and the JSON on the page."""
    show(driver, running.url, scheme=scheme)
    send(driver, "Gestern traf Anna ein.")
    driver.execute_script("document.getElementById('details').open = true")
    driver.execute_script("document.getElementById('error').textContent = 'Error'")
    found = driver.execute_script(CONTRAST)
    assert len(found) > 50
    assert [one for one in found if one[0] < 4.5] == []
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(13, 17, 23)") is (scheme == "dark")
