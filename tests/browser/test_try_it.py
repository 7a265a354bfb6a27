"""The page "Try it" in a real browser: ``pytest tests/browser``, with ``NUMGENIUS_TRY_IT`` set.

That is a folder of built docs that ``scripts/fill_try_it`` has filled. What the page shows is
compared with what the same functions answer here, on CPython.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from numgenius_core.wire.reading import sample_path

answers = pytest.importorskip("answers", reason="needs docs/_static/tryit on the path")
playwright = pytest.importorskip("playwright.sync_api", reason="needs the group browser")
BUILT: Final = os.environ.get("NUMGENIUS_TRY_IT", "")
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]
NOW: Final = time.time()  # what a file says of clients is seen from the day of the test
MACHINES: Final = json.dumps(
    [
        {
            "id": 7,
            "gpu_name": "RTX 3090",
            "num_gpus": 4,
            "disk_space": 1000,
            "listed_gpu_cost": 0.25,
            "listed_min_gpu_count": 2,
            "gpu_occupancy": "D D x x ",
            "client_end_date": NOW + 9 * 86_400,
            "end_date": NOW + 90 * 86_400,
        },
        {
            "id": 8,
            "gpu_name": "A100",
            "num_gpus": 8,
            "listed_gpu_cost": 0.9,
            "gpu_occupancy": "x x x x x x x x ",
        },
        {
            "id": 9,
            "gpu_name": "A100",
            "num_gpus": 8,
            "listed_gpu_cost": 0.9,
            "gpu_occupancy": "D D D D x x x x ",
            "client_end_date": NOW + 20 * 86_400,
            "end_date": None,
            "credit_discount_max": 0.1,
        },
        {
            "id": 10,
            "gpu_name": "A100",
            "num_gpus": 8,
            "listed_gpu_cost": 0.9,
            "gpu_occupancy": "D D D D x x x x ",
            "client_end_date": NOW + 20 * 86_400,
            "end_date": NOW + 5 * 86_400,
        },
        {"id": 11, "gpu_name": "H100", "num_gpus": 8},
    ]
)
RECORD: Final = "\n".join(
    ["time,price", *(f"{1_700_000_000 + 60 * i},{(i * 37 % 1_000) / 1_000}" for i in range(20_000))]
)
pytestmark = pytest.mark.skipif(
    not (BUILT and CHROMIUM), reason="needs NUMGENIUS_TRY_IT and Chromium"
)


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing, and knows what browsers ask of WebAssembly."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=BUILT))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/try-it.html"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as made:
        found = made.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    found = browser.new_context()
    yield found
    found.close()


@pytest.fixture(scope="module")
def page(context: Any, address: str) -> Any:
    """Return the page, loaded once; each test opens the address it needs on it."""
    found = context.new_page()
    found.asked = []
    found.on("request", lambda request: found.asked.append(request.url))
    found.goto(address)
    found.wait_for_selector("body[data-tryit=ready]", timeout=120_000)
    return found


def fields(page: Any) -> dict[str, str]:
    """Return what the form holds, as the page sends it."""
    found: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.getElementById("tryit-form").elements]
        .filter((e) => e.name && e.type !== "file" && (e.type !== "radio" || e.checked))
        .map((e) => [e.name, e.type === "checkbox" ? (e.checked ? "1" : "") : e.value]))"""
    )
    return found


def shown(page: Any, box: str) -> list[list[str]]:
    """Return the texts and tables of an answer, section by section."""
    found: list[list[str]] = page.evaluate(
        """(box) => [...document.querySelectorAll(`#${box} > details`)].map((part) =>
        [...part.querySelectorAll("summary, p, td")].map((each) => each.textContent))""",
        box,
    )
    return found


def expected(answer: dict[str, Any]) -> list[list[str]]:
    """Return the same of an answer of CPython."""
    found = []
    for part in answer["sections"]:
        texts = [part["title"], *part["text"]]
        told = part.get("table") or {"rows": [], "more": None}
        for index, row in enumerate(told["rows"]):
            texts += row + ([told["more"][index]] if told["more"] else [])
        found.append(texts)
    return found


def settle(page: Any) -> None:
    """Wait until all that was asked is answered."""
    page.wait_for_function("document.body.dataset.busy === ''")


def give(page: Any, field: str, content: bytes) -> None:
    """Drop a file, and wait for the answer."""
    file = {"name": "mine.json", "mimeType": "application/json", "buffer": content}
    page.set_input_files(f"[name={field}]", file)
    settle(page)


def change(page: Any, name: str, value: str) -> None:
    """Type into a field, and wait for the answer."""
    page.fill(f"[name={name}]", value)
    settle(page)


def same(page: Any, known: Any, box: str) -> None:
    """Compare every figure of the page with CPython's."""
    answer = json.loads(known.answer(json.dumps(fields(page))))
    assert shown(page, box) == expected(answer)


def open_at(page: Any, address: str, state: str) -> None:
    """Open an address in the page, as a reader who was sent it."""
    before = int(page.evaluate("document.body.dataset.shown"))
    page.goto(f"{address}#{state}")
    page.wait_for_function(f"Number(document.body.dataset.shown) > {before}")
    settle(page)


def test_first_answer_is_cpythons(page: Any) -> None:
    same(page, answers.Page(), "answer-renter")
    assert "9000162" in shown(page, "answer-renter")[0][1]


def test_no_other_host_is_asked(page: Any, address: str) -> None:
    host = address.rsplit("/", 1)[0]
    assert {url for url in page.asked if not url.startswith((host, "data:", "blob:"))} == set()


def test_slider(page: Any) -> None:
    page.evaluate(
        """() => { const slider = document.querySelector("[data-for=hours]");
        slider.focus(); slider.value = "300";
        slider.dispatchEvent(new Event("input", { bubbles: true })); }"""
    )
    settle(page)
    assert page.input_value("[name=hours]") == "300"
    assert int(page.evaluate("document.body.dataset.took")) < 500
    same(page, answers.Page(), "answer-renter")


def test_dropped_file(page: Any) -> None:
    market = sample_path().read_bytes()
    give(page, "offers", market)
    assert page.text_content("#file-offers") == "mine.json: 66 offers"
    known = answers.Page()
    known.drop("offers", "mine.json", market)
    same(page, known, "answer-renter")


def test_slider_beside_a_record(page: Any, context: Any, address: str) -> None:
    found = context.new_page()
    found.goto(address)
    found.wait_for_selector("body[data-tryit=ready]", timeout=120_000)
    give(found, "history", RECORD.encode())
    known = answers.Page()
    known.drop("history", "mine.json", RECORD.encode())
    change(found, "hours", "99")
    took = int(found.evaluate("document.body.dataset.took"))
    same(found, known, "answer-renter")
    change(page, "hours", "99")
    assert took < 100 + 2 * int(page.evaluate("document.body.dataset.took"))
    found.close()


@pytest.mark.parametrize("content", [b"", b"[{", b'{"a": 1}', b"\xff\xfe\x00"])
def test_bad_file_leaves_the_page_alive(page: Any, content: bytes) -> None:
    give(page, "offers", content)
    told = json.loads(answers.Page().drop("offers", "mine.json", content))
    assert page.text_content("#wrong-offers") == told["errors"]["offers"]
    change(page, "disk", "200")
    same(page, answers.Page(), "answer-renter")


@pytest.mark.parametrize(
    ("name", "value"), [("hours", "0"), ("hours", "1e9"), ("gpus", "٣"), ("disk", "9" * 400)]
)
def test_number_out_of_bounds(page: Any, name: str, value: str) -> None:
    before = page.input_value(f"[name={name}]")
    change(page, name, value)
    told = json.loads(answers.Page().answer(json.dumps(fields(page))))
    assert page.text_content(f"#wrong-{name}") == told["errors"][name]
    assert page.get_attribute(f"[name={name}]", "aria-invalid") == "true"
    change(page, name, before)
    assert page.text_content(f"#wrong-{name}") == ""
    assert page.get_attribute(f"[name={name}]", "aria-invalid") is None


def test_address_is_the_state(page: Any, address: str) -> None:
    change(page, "hours", "99")
    state = page.evaluate("location.hash.slice(1)")
    assert "hours=99" in state
    open_at(page, address, "gpu=3090&gpus=&hours=24&disk=10")
    assert page.input_value("[name=gpu]") == "3090"
    same(page, answers.Page(), "answer-renter")
    open_at(page, address, state)
    assert page.input_value("[name=hours]") == "99"


def test_tampered_address(page: Any, address: str) -> None:
    open_at(page, address, "hours=%3Cscript%3E&nothing=1")
    assert "<script>" in page.text_content("#wrong-hours")
    for state, name in (("mode=free", "mode"), ("who=nobody", "who"), ("who=host&end=soon", "end")):
        open_at(page, address, state)
        typed = dict(each.split("=") for each in state.split("&"))
        told = json.loads(answers.Page().answer(json.dumps(fields(page) | typed)))
        assert page.text_content(f"#wrong-{name}") == told["errors"][name]
        assert typed[name] in told["errors"][name]
    for name in ("toString", "__proto__", "constructor"):  # fields of no form
        open_at(page, address, f"{name}=1")
        assert page.evaluate("location.hash") == ""
    open_at(page, address, "mode=free")
    page.select_option("[name=mode]", "reserved")
    settle(page)
    assert page.text_content("#wrong-mode") == ""
    open_at(page, address, "hours=24")
    same(page, answers.Page(), "answer-renter")


def test_host(page: Any, address: str) -> None:
    open_at(page, address, "who=host")
    same(page, answers.Page(), "answer-host")
    give(page, "machines", MACHINES.encode())
    assert page.input_value("[name=machine_gpus]") == "4"
    assert "2 2 4" in page.text_content("#answer-host")
    same(page, answers.Page(), "answer-host")
    page.select_option("#tryit-machine", label="8: 8 × A100")
    settle(page)
    assert page.input_value("[name=price]") == "1.20"
    assert page.input_value("[name=rented]") == "0"
    same(page, answers.Page(), "answer-host")


def test_the_price_of_the_file_goes_with_the_fee(page: Any, address: str) -> None:
    """The file has the host's price: what clients pay is it and the platform's fee."""
    open_at(page, address, "who=host")
    give(page, "machines", MACHINES.encode())
    page.select_option("#tryit-machine", label="8: 8 × A100")
    settle(page)
    change(page, "fee", "10")
    assert page.input_value("[name=price]") == "1.00"
    same(page, answers.Page(), "answer-host")
    change(page, "fee", "x")
    assert page.input_value("[name=price]") == "1.00"
    change(page, "fee", "25")
    assert page.input_value("[name=price]") == "1.20"
    page.select_option("#tryit-machine", label="9: 8 × A100")
    settle(page)
    assert page.input_value("[name=price]") == "1.20"
    change(page, "price", "2")  # which somebody typed
    change(page, "fee", "10")
    assert page.input_value("[name=price]") == "2"


def test_a_fee_that_is_none_is_told_at_its_field(page: Any, address: str) -> None:
    open_at(page, address, "who=host&fee=100")
    give(page, "machines", MACHINES.encode())
    assert page.text_content("#wrong-fee").endswith("got 100")
    assert page.text_content("#wrong-machines") == "mine.json is not read: see the field fee"


def test_another_machine_of_the_file(page: Any, address: str) -> None:
    """What the file does not say of it is as the page opens, not as the machine before had it."""
    open_at(page, address, "who=host")
    opened = fields(page)
    give(page, "machines", MACHINES.encode())
    assert page.input_value("[name=end]") != ""
    page.select_option("#tryit-machine", label="9: 8 × A100")
    settle(page)
    assert (page.input_value("[name=end]"), page.input_value("[name=discount]")) == ("", "10")
    assert "no end date: there is nothing to extend to" in page.text_content("#answer-host")
    same(page, answers.Page(), "answer-host")
    page.select_option("#tryit-machine", label="10: 8 × A100")  # which ends before its clients
    settle(page)
    assert "stale" not in page.get_attribute("#answer-host", "class")
    assert page.text_content("#wrong-end") == ""
    same(page, answers.Page(), "answer-host")
    page.select_option("#tryit-machine", label="11: 8 × H100")  # which is not listed
    settle(page)
    now = fields(page)
    assert now["machine_gpus"] == "8"
    for name in ("price", "min_gpu", "discount", "end"):
        assert now[name] == opened[name]


def test_one_question_takes_no_other_with_it(page: Any, address: str) -> None:
    open_at(page, address, "who=host")
    change(page, "outage_hours", "0")
    assert page.text_content("#wrong-outage_hours").endswith(", got 0")
    wrong = "[...document.querySelectorAll('[aria-invalid]')].map((each) => each.name)"
    assert page.evaluate(wrong) == ["outage_hours"]
    assert "Not all can be answered" in page.text_content("#tryit-status")
    assert "stale" not in page.get_attribute("#answer-host", "class")
    same(page, answers.Page(), "answer-host")
    change(page, "outage_hours", "1")
    assert page.evaluate(wrong) == []
    same(page, answers.Page(), "answer-host")


def test_simulation_is_cpythons(page: Any, address: str) -> None:
    open_at(page, address, "who=host&runs=2&tries=3&days=3")
    page.click("#tryit-simulate")
    page.wait_for_selector("#tryit-stop", state="hidden", timeout=60_000)
    page.wait_for_selector("#answer-simulation details")
    known = answers.Page()
    found = json.loads(known.begin(json.dumps(fields(page))))
    while found["more"]:
        found = json.loads(known.step())
    assert shown(page, "answer-simulation") == expected(found)


def test_a_simulation_of_other_fields_is_an_old_one(page: Any, address: str) -> None:
    open_at(page, address, "who=host&runs=2&tries=2&days=1")
    page.click("#tryit-simulate")
    page.wait_for_selector("#tryit-stop", state="hidden", timeout=60_000)
    page.wait_for_selector("#answer-simulation details")
    old = "document.querySelector('#answer-simulation').classList.contains('old')"
    for name, value in (("kwh", "0.30"), ("machine_gpus", "4"), ("fee", "10")):
        before = page.input_value(f"[name={name}]")
        assert not page.evaluate(old)
        change(page, name, value)
        assert page.evaluate(old)
        change(page, name, before)
    change(page, "vacancy", "9")  # of which no simulation is
    assert not page.evaluate(old)


def test_simulation_can_be_stopped(page: Any, address: str) -> None:
    open_at(page, address, "who=host&runs=200&tries=3&days=3")
    page.click("#tryit-simulate")
    page.wait_for_function("/Simulated [0-9]+ of 200/.test(document.body.textContent)")
    page.click("#tryit-stop")
    page.wait_for_function(
        "document.getElementById('tryit-status').textContent.startsWith('Stopped')"
    )
    change(page, "vacancy", "9")
    same(page, answers.Page(), "answer-host")


def test_simulation_of_a_large_machine_can_be_stopped_within_a_run(page: Any, address: str) -> None:
    open_at(page, address, "who=host&machine_gpus=64&days=90&tries=20&runs=200&demand=training")
    page.click("#tryit-simulate")
    page.wait_for_function(
        "/^Simulated 0 of 200/.test(document.body.querySelector('#tryit-status').textContent)"
    )
    page.click("#tryit-stop")
    page.wait_for_function(
        "document.getElementById('tryit-status').textContent.startsWith('Stopped before')"
    )


def focus(page: Any) -> str:
    """Return the name, id or text of what has the focus."""
    found: str = page.evaluate(
        """() => { const at = document.activeElement;
        return at.name || at.id || at.dataset.for || at.textContent; }"""
    )
    return found


def test_by_keyboard(page: Any, address: str) -> None:
    open_at(page, address, "gpus=")
    page.focus("[name=hours]")
    page.keyboard.press("Tab")
    assert focus(page) == "hours" or page.evaluate("document.activeElement.type") == "range"
    page.keyboard.press("ArrowRight")
    settle(page)
    assert page.input_value("[name=hours]") == "169"
    same(page, answers.Page(), "answer-renter")
    page.focus("#answer-renter tbody tr:nth-child(3) button")
    page.keyboard.press("Enter")
    assert page.is_visible("#answer-renter tbody tr:nth-child(4)")
    page.focus("[name=who][value=renter]")
    page.keyboard.press("ArrowDown")
    settle(page)
    same(page, answers.Page(), "answer-host")
    change(page, "runs", "200")
    page.focus("#tryit-simulate")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focus(page) == "tryit-stop"
    page.keyboard.press("Enter")
    page.wait_for_selector("#tryit-stop", state="hidden")
    assert focus(page) == "tryit-simulate"


def test_huge_file_is_not_even_read(page: Any, address: str) -> None:
    open_at(page, address, "hours=24")
    page.evaluate(
        """() => { const file = new File(["[]"], "huge.json");
        Object.defineProperty(file, "size", { value: 2 ** 40 });
        const dropped = new Event("drop", { bubbles: true, cancelable: true });
        Object.defineProperty(dropped, "dataTransfer", { value: { files: [file] } });
        document.querySelector("[name=offers]").dispatchEvent(dropped); }"""
    )
    assert "268,435,456 bytes" in page.text_content("#wrong-offers")
    change(page, "hours", "25")
    same(page, answers.Page(), "answer-renter")


@pytest.mark.parametrize("width", [320, 360, 768, 1024])
def test_narrow(page: Any, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    for state in ("who=renter", "who=host"):
        open_at(page, address, state)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 900})


def test_without_webassembly(browser: Any, address: str) -> None:
    found = browser.new_page()
    found.add_init_script("delete globalThis.WebAssembly")
    found.goto(address)
    found.wait_for_selector("body[data-tryit=failed]")
    assert re.search("no WebAssembly", found.text_content("#tryit-status"))
    found.close()


def test_without_python(browser: Any, address: str) -> None:
    found = browser.new_page()
    found.route("**/files.json", lambda route: route.fulfill(status=404))
    found.goto(address)
    found.wait_for_selector("body[data-tryit=failed]")
    assert "built without Python" in found.text_content("#tryit-status")
    found.evaluate(
        """() => { const dropped = new Event("drop", { bubbles: true, cancelable: true });
        Object.defineProperty(dropped, "dataTransfer", { value: { files: [new File([], "a")] } });
        document.querySelector("[name=offers]").dispatchEvent(dropped); }"""
    )
    assert "built without Python" in found.text_content("#tryit-status")
    found.close()


def test_something_useful_while_python_loads(browser: Any, address: str) -> None:
    found = browser.new_page()
    found.route("**/pyodide.mjs", lambda _: None)  # never comes
    found.goto(address)
    found.wait_for_selector("#answer-renter details")
    assert "9000162" in found.text_content("#answer-renter")
    assert "loading" in found.text_content("#tryit-status")
    found.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_stands_in_an_empty_field_can_be_read(page: Any, address: str, theme: str) -> None:
    """WCAG 1.4.3: text has a contrast of 4.5 at least."""
    open_at(page, address, f"gpu=&gpus=&hours={len(theme)}")
    page.evaluate("(theme) => { document.body.dataset.theme = theme; }", theme)
    colours = page.evaluate(
        """() => { const field = document.querySelector("[name=gpu]");
        return [getComputedStyle(field, "::placeholder"), getComputedStyle(field)].map(
        (style, index) => (index ? style.backgroundColor : style.color)
        .match(/[0-9.]+/g).map(Number)); }"""
    )
    light, dark = sorted(map(luminance, colours), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
    page.evaluate("() => { document.body.dataset.theme = 'auto'; }")


def luminance(colour: list[float]) -> float:
    """Return the relative luminance of a colour, by WCAG."""
    parts = [each / 255 for each in colour[:3]]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
