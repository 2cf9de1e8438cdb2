"""Links as values: what an address may ask for, and which tab answers; and in the browser, from tab to tab."""

from urllib.parse import urlencode

import pytest

from app import links
from app.compare.tab import LINK as COMPARE
from app.generate.handlers import EXAMPLE
from app.generate.tab import LINK as GENERATE
from app.runs.handlers import LINK as RUNS
from hnet_core.checkpoint import load_model
from hnet_core.errors import InputError
from hnet_core.generate import generate
from tests.app.test_browser import wait_loaded

OWN = {**COMPARE, **GENERATE, **RUNS}
HOSTILE = [
    {"model": "../../etc/passwd"},
    {"models": "english_a,../../etc/passwd"},
    {"models": "english_a,ref:gold:/etc/passwd"},
    {"sample": "<img src=x onerror=alert(1)>"},
    {"tab": "admin"},
    {"run": "../other"},
    {"with": "../other"},
    {"at": "-1"},
    {"at": "1e9"},
    {"start": "x"},
    {"region": "9-9"},
    {"region": "9"},
    {"threshold": "nan"},
    {"threshold": "-0.5"},
    {"threshold": "0.5,x"},
    {"stage": "1"},
    {"measure": "magic"},
    {"by": "shoe size"},
    {"length": "4001"},
    {"length": "1.5"},
    {"seed": "-1"},
    {"temperature": "inf"},
    {"top_p": "0"},
    {"example": "tell me"},
]


def test_everything_a_link_may_say_is_read(session):
    query = {
        "tab": "compare",
        "models": "english_a,ref:random:0.2",
        "at": "17",
        "region": "3-40",
        "threshold": "0.4,,0.75",
        "stage": "-1",
        "length": "300",
        "top_p": "0.95",
        "__theme": "dark",
    }
    assert links.read(session, query, OWN) == {
        "tab": "compare",
        "models": ["english_a", "ref:random:0.2"],
        "at": 17,
        "region": [3, 40],
        "threshold": [0.4, None, 0.75],
        "stage": -1,
        "length": 300,
        "top_p": 0.95,
    }
    assert links.read(session, {"__theme": "dark"}) == {}


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_link_is_refused_in_one_sentence(session, query):
    with pytest.raises(InputError) as raised:
        links.read(session, query, OWN)
    said, value = str(raised.value), next(iter(query.values()))
    assert len(value) < 4 or value not in said
    assert "\n" not in said and "the link" in said


def test_only_the_tab_that_is_asked_for_answers(session):
    query = {"tab": "generate", "model": "english_b", "seed": "3"}
    assert links.on_link(session, "compare", ("models",), None, query)[-1] == {}
    model, seed, asked = links.on_link(session, "generate", ("model", "seed"), None, query, OWN)
    assert (model["value"], seed["value"], asked["starts"]) == ("english_b", 3, False)
    assert links.on_link(session, "explore", (), None, {"sample": "python"})[-1]["starts"] is True
    assert links.on_link(session, "explore", (), None, {}) == ({},)


def address(page, tab: str) -> dict[str, str]:
    """What the link of a tab's viewer says; the button writes it into the address bar."""
    page.locator(f"#{tab}-viewer .seg-address button").click()
    page.wait_for_function("location.search.length > 1")
    return dict(page.evaluate("[...new URLSearchParams(location.search)]"))


@pytest.fixture
def opened(browser):
    """Opens an address in a context of its own, as somebody who was sent the link."""
    made = []

    def opened(url, width=1280):
        made.append(browser.new_context(viewport={"width": width, "height": 900}))
        other = made[-1].new_page()
        other.set_default_timeout(60_000)
        other.goto(url)
        return other

    yield opened
    for context in made:
        context.close()


@pytest.mark.browser
def test_a_link_leads_to_a_comparison_which_gives_it_again(opened, server):
    asked = {
        "tab": "compare",
        "models": "english_b,ref:words",
        "sample": "english",
        "stage": "-1",
        "measure": "kappa",
        "at": "30",
        "region": "30-40",
        "threshold": "0.4,",
    }
    page = opened(f"{server}?{urlencode(asked)}")
    wait_loaded(page, "compare")
    viewer = "hnet.viewers['compare-viewer']"
    assert page.evaluate(f"{viewer}.segments.thresholds") == [0.4, None]
    assert page.evaluate(f"{viewer}.range") == [30, 40]
    assert page.evaluate(f"{viewer}.segments.compared") == [1, 0]
    assert page.locator("#compare-measure input").input_value() == "Cohen's kappa"
    assert page.get_by_role("tab", name="Compare").get_attribute("aria-selected") == "true"
    page.wait_for_function(f"{viewer}.address.also.measure === 'kappa'")
    assert address(page, "compare") == asked


@pytest.mark.browser
def test_a_link_leads_to_what_was_generated_but_never_to_a_prompt(opened, server, models_dir):
    options = {"seed": 7, "temperature": 0.8, "top_p": 0.95}
    asked = {"tab": "generate", "model": "english_b", "length": 40, **options, "example": 1}
    page = opened(f"{server}?{urlencode(asked)}")
    address_of = "window.hnet?.viewers?.['generate-viewer']?.address"
    page.wait_for_function(f"{address_of}?.link?.example")
    model = load_model("english_b", models_dir=models_dir).model
    wrote = bytes(each.byte for each in generate(model, EXAMPLE.encode(), max_bytes=40, **options))
    data = page.evaluate("[...hnet.viewers['generate-viewer'].segments.data]")
    assert bytes(data) == EXAMPLE.encode() + wrote
    said = address(page, "generate")
    said.pop("at", None)  # the caret stays where the writing was followed
    assert said == {name: str(value) for name, value in asked.items()}
    page.locator("#generate-prompt textarea").fill("my secret words")
    page.click("#generate-run")
    page.wait_for_function(f"{address_of}.link?.seed && !{address_of}.link.example")
    assert "example" not in address(page, "generate") and "secret" not in page.url


@pytest.mark.browser
def test_a_region_of_a_genome_is_sent_as_a_link(opened, server):
    page = opened(f"{server}?tab=dna&models=dna_a&sample=lambda&start=2000&end=2600&at=2100")
    wait_loaded(page, "dna")
    page.wait_for_function("hnet.viewers['dna-viewer'].segments.origin === 2000")
    assert page.evaluate("hnet.viewers['dna-viewer'].caret") == 100
    said = address(page, "dna")
    assert (said["tab"], said["sample"], said["start"], said["end"]) == ("dna", "lambda", "2000", "2600")


@pytest.mark.browser
def test_a_link_that_leads_nowhere_is_one_sentence_and_the_page_works(opened, server):
    page = opened(f"{server}?tab=compare&models=<b>,english_a&sample=english")
    page.get_by_text("asks for a model that is not here").first.wait_for()
    page.get_by_role("tab", name="Compare").click()
    page.click("#compare-run")
    wait_loaded(page, "compare")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_link_opens_a_tab_on_any_screen(opened, server, width):
    """On a narrow screen the last tabs are entries of a menu."""
    opened(f"{server}?tab=models", width).locator("#models-cards article").first.wait_for()
