"""The studio in a real browser, which draws, paints, edits, downloads, compares and generates.

Needs playwright and Chromium: `pip install playwright`, `apt-get install chromium`. With SPIRAL_SCREENSHOTS=FOLDER it
leaves pictures of every step there.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from hostile import png
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("gradio")

from spiral.engines import missing  # noqa: E402
from spiral.studio.page import served  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
RUNS = Path(__file__).parents[2] / "docs" / "runs" / "digits"
THREE = (
    *((0.3, 0.25), (0.45, 0.17), (0.62, 0.2), (0.68, 0.32), (0.6, 0.43), (0.48, 0.48)),
    *((0.62, 0.52), (0.7, 0.65), (0.62, 0.8), (0.45, 0.85), (0.3, 0.77)),
)
SLOWLY = 60_000  # milliseconds: other tests may be running beside this one
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(missing("mypaint") is not None, reason="libmypaint is not installed"),
]


@pytest.fixture(scope="module")
def address():
    with served(RUNS) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


class Visitor:
    """A page, its errors, and the other hosts that it contacted."""

    def __init__(self, browser, address: str, width: int, height: int) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height}, accept_downloads=True)
        self.wrong: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        here = (address, "data:", "blob:")
        self.page.on("request", lambda r: None if r.url.startswith(here) else self.elsewhere.append(r.url))
        self.page.goto(address)
        self.page.wait_for_selector("#pad canvas", timeout=SLOWLY)
        self.page.wait_for_timeout(1000)
        self.width = width

    def look(self, name: str) -> None:
        if folder := os.environ.get("SPIRAL_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{self.width}-{name}.png", full_page=True)

    def draw(self) -> None:
        box = self.page.locator("#pad canvas").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in THREE]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=4)
        self.page.mouse.up()

    def paint(self) -> None:
        self.page.click("#go")
        self.page.wait_for_selector("#player .commands li", timeout=SLOWLY)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def fill(self, field: str, text: str) -> None:
        self.page.locator(f"{field} textarea, {field} input").first.fill(text)

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()
        self.page.wait_for_timeout(500)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_visitor_draws_paints_edits_downloads_compares_and_invents(browser, address, width, height, tmp_path):
    visitor = Visitor(browser, address, width, height)
    page = visitor.page
    visitor.look("begin")
    visitor.draw()
    visitor.paint()
    count = page.locator("#player .commands li").count()
    page.wait_for_function(f"document.querySelector('#player output').textContent === '{count} of {count}'")
    visitor.look("painted")
    first, last = (float(visitor.text(f"#player .commands li:nth-child({n}) .figures").split()[0]) for n in (1, count))
    assert last < 0.3 * first, "the error falls as it paints"

    page.locator("#player input[type=range]").fill("4")
    assert visitor.text("#player output") == f"4 of {count}"
    page.locator("#player .commands li").nth(6).click()
    assert visitor.text("#player output") == f"7 of {count}"

    crosses = page.locator("#player .commands li button:visible")
    crosses.nth(1).click()
    crosses.nth(3).click()
    page.locator("#edit button").first.click()
    page.wait_for_function("document.querySelector('#without textarea, #without input')?.value === '2, 4'")
    visitor.fill("#palette", "#e63946, #457b9d")
    visitor.fill("#ground", "#f1faee")
    page.click("#again")
    page.wait_for_function(
        "document.querySelector('#player .commands').textContent.includes('#e63946')", timeout=SLOWLY
    )
    page.wait_for_timeout(5000)
    visitor.look("edited")

    for ending in ("json", "svg", "png", "gif", "mp4"):
        with page.expect_download(timeout=SLOWLY) as download:
            page.get_by_role("button", name=ending.upper(), exact=True).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert path.name == f"painting.{ending}" and path.stat().st_size > 1000
        page.wait_for_timeout(400)
    assert json.loads((tmp_path / "painting.json").read_text())["settings"]["ground"][2] > 0.9
    assert Image.open(tmp_path / "painting.png").getpixel((0, 0)) == (241, 250, 238)
    assert Image.open(tmp_path / "painting.gif").n_frames > 5
    assert b"ftyp" in (tmp_path / "painting.mp4").read_bytes()[:16]

    visitor.tab("Compare")
    page.click("#compare-go")
    page.wait_for_selector("#compared img", timeout=SLOWLY)
    page.wait_for_timeout(1000)
    visitor.look("compared")
    assert page.locator("#compared img").count() == 4
    assert "search, 1,000 renderings" in visitor.text("#figures")

    visitor.tab("Invent")
    page.click("#invent-go")
    page.wait_for_selector("#invented img", timeout=SLOWLY)
    page.wait_for_timeout(1000)
    visitor.look("invented")
    assert page.locator("#invented img").count() == 16
    page.locator("#invented button").nth(2).click()
    page.wait_for_function("document.querySelector('#player output').textContent.endsWith('of 8')", timeout=SLOWLY)

    visitor.tab("Runs")
    page.locator("#runs input").first.click()
    page.locator("[role=option]").first.click()
    page.wait_for_selector("#report svg", timeout=SLOWLY)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1000)
    visitor.look("runs")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out to the right"
    assert not visitor.wrong and not visitor.elsewhere
    page.close()


def test_a_visitor_stops_a_long_painting_and_paints_on(browser, address, tmp_path):
    visitor = Visitor(browser, address, 1280, 900)
    page = visitor.page
    noise = Image.effect_noise((120, 90), 90)
    Image.merge("RGB", (noise, noise.rotate(90), noise.rotate(180))).save(tmp_path / "noise.png")
    (tmp_path / "two.json").write_text('["#203040", "#e0d0c0"]')
    visitor.tab("Picture")
    page.locator("#drop input[type=file]").first.set_input_files(tmp_path / "noise.png")
    page.wait_for_function("document.querySelector('#preview img')", timeout=SLOWLY)
    page.get_by_text("Effort, colours").first.click()
    page.locator("#paints input[type=file]").first.set_input_files(tmp_path / "two.json")
    page.wait_for_timeout(1500)
    page.click("#go")
    page.get_by_text("strokes", exact=False).first.wait_for(timeout=SLOWLY)
    page.wait_for_function("/[1-9]\\d*\\/200/.test(document.body.innerText)", timeout=SLOWLY)
    visitor.look("painting")
    page.click("#stop")
    page.wait_for_selector("#player .commands li", timeout=SLOWLY)
    visitor.look("stopped")
    drawn = page.locator("#player .commands li").all_inner_texts()
    assert 2 <= len(drawn) < 400
    assert all("#203040" in line or "#e0d0c0" in line for line in drawn if line.startswith("paint"))

    Image.new("RGB", (120, 90)).save(tmp_path / "black.png")
    page.get_by_text("Paint on").first.click()
    page.locator("#canvas input[type=file]").first.set_input_files(tmp_path / "black.png")
    page.wait_for_timeout(1500)
    page.locator("#player .commands").evaluate("list => list.innerHTML = ''")
    page.click("#go")
    page.wait_for_selector("#player .commands li", timeout=SLOWLY)
    visitor.look("painted-on")
    assert not visitor.wrong and not visitor.elsewhere
    page.close()


def test_hostile_files_are_refused_and_the_next_one_is_painted(browser, address, tmp_path):
    hostile = {
        "large.png": (b"\x89PNG\r\n\x1a\n" + os.urandom(50 * 2**20), "exceed"),
        "bomb.png": (png(50_000, 50_000), "pixels; reduce it first"),
        "script.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title="x"</script></svg>', "not a r"),
        "text.png": (b"not a picture", "not a readable picture"),
    }
    visitor = Visitor(browser, address, 1280, 900)
    page = visitor.page
    visitor.tab("Picture")
    for name, (content, why) in hostile.items():
        (tmp_path / name).write_bytes(content)
        page.locator("#drop input[type=file]").first.set_input_files(tmp_path / name)
        page.get_by_text(why).first.wait_for(timeout=SLOWLY)
        visitor.look(name)
        for cross in page.locator(".toast-close").all():
            cross.click()
        page.wait_for_timeout(1000)
    Image.linear_gradient("L").resize((90, 60)).save(tmp_path / "good.jpg")
    page.locator("#drop input[type=file]").first.set_input_files(tmp_path / "good.jpg")
    page.wait_for_timeout(1500)
    visitor.paint()
    assert page.title() == "SPIRAL studio"
    page.close()
