"""What tests in a real browser share: headless Chromium, driven through ChromeDriver."""

import shutil

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
)
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


def start_browser(profile):
    """Start a browser with an empty profile.

    Args:
        profile: An empty folder.
    """
    if not CHROMIUM or not DRIVER:
        pytest.skip("Chromium is absent: run make browser")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in [*ARGUMENTS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


def show(driver, page, *, width=1200, scheme="light"):
    """Open the page at a width and in a colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page)
