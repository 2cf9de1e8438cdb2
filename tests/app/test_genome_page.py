"""The DNA tab as a person uses it: tracks, places, genes, motifs, downloads, bad input; two people at once."""

import gzip
import json
import re
from xml.etree import ElementTree

import pytest

from app.server.session import MAX_DNA_BYTES
from tests.app.test_browser import choose, download, shown_text, table_rows, upload, wait_loaded

pytestmark = pytest.mark.browser

BASES = ("ACGTTGCAGGATTACAGGC" * 40)[:700]
MOTIF = "TTGACATATAAT"
BASES = BASES[:400] + MOTIF + BASES[400 + len(MOTIF) :]
GFF = (
    "##gff-version 3\nsecond\t.\tgene\t101\t400\t.\t+\t.\tName=abcA;locus_tag=b0007\n"
    "second\t.\tCDS\t101\t400\t.\t+\t0\tID=c;Name=<img src=x onerror='window.hacked=1'>\n"
)
GENBANK = """LOCUS       REC1                 120 bp    DNA     linear   BCT 01-JAN-2000
VERSION     REC1.1
FEATURES             Location/Qualifiers
     gene            31..90
                     /gene="xyz"
     CDS             31..90
                     /gene="xyz"
ORIGIN
        1 acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt
       61 acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt acgtacgtac gtacgtacgt
//
"""
FASTA = f">good\n{BASES}\n".encode()
BAD = {
    "picture.fa": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is binary data"),
    "cut.fa.gz": (gzip.compress(FASTA * 20)[:-12], "cut off before its end"),
    "bomb.fa.gz": (
        gzip.compress(b"A" * 10**6) * (MAX_DNA_BYTES // 10**6 + 1),
        "decompresses to more than the limit",
    ),
    "twice.fa": (b">a\nACGT\n>a\nACGT\n", "two records are named 'a'"),
    "headless.fa": (b"ACGTACGT\n", "before any header"),
    "protein.fa": (b">p\nMKVLAAGIVGLLLAQ\n", "is not a nucleotide code"),
    "bare.fa": (b">a\n>b\n", "no record has any bases"),
}
"""File name: content, what the page says of it."""
VIEW = "window.hnet.genomes['dna-genome']"


@pytest.fixture
def dna(page, tmp_path):
    """The DNA tab with a FASTA file of two records chosen."""
    path = tmp_path / "two.fa"
    path.write_text(f">first\n{'ACGT' * 30}\n>second\n{BASES}\n")
    page.get_by_role("tab", name="DNA", exact=True).click()
    upload(page, "dna", path)
    page.wait_for_function("document.querySelector('#dna-record input').value.startsWith('first')")
    return page


def annotate(page, path) -> None:
    page.locator("#dna-annotation input[type=file]").set_input_files(path)
    page.wait_for_selector("#dna-annotation .file-preview")


def second(page) -> None:
    page.locator("#dna-record input").click()
    page.get_by_role("option", name=re.compile("second")).click()
    page.wait_for_function(f"document.querySelector('#dna-end input').value === '{len(BASES)}'")


def analyse(page, loads: int = 1) -> None:
    page.click("#dna-run")
    wait_loaded(page, "dna", loads)
    page.wait_for_selector(f"#dna-genome .genome[data-loads='{loads}']")


def tracks_at(page, start: int, end: int) -> None:
    page.wait_for_selector(f"#dna-genome .genome[data-start='{start}'][data-end='{end}']")


def bases_at(page, start: int, end: int) -> None:
    """Until the bases below the tracks are exactly these."""
    page.wait_for_function(
        """([start, end]) => {
            const { segments } = window.hnet.viewers['dna-viewer'];
            return segments && segments.origin === start && segments.data.length === end - start;
        }""",
        arg=[start, end],
    )


def note(page, name: str) -> str:
    """The sentence beside a control, once there is one."""
    field = f"document.querySelector('#{name} textarea, #{name} input')"
    page.wait_for_function(f"{field}.value")
    return page.evaluate(f"{field}.value")


def find(page, text: str) -> None:
    page.locator("#dna-find input, #dna-find textarea").first.fill(text)
    page.keyboard.press("Enter")


def test_fasta_and_gff3_from_tracks_to_files(dna, tmp_path):
    page, path = dna, tmp_path / "two.gff3"
    path.write_text(GFF)
    annotate(page, path)
    second(page)
    analyse(page)
    names = page.evaluate(f"{VIEW}.browser.trackViews.map(each => each.track.name).filter(Boolean)")
    assert [name for name in names if name in ("genes", "p, stage 0", "chunks, stage 1")] == [
        "genes",
        "p, stage 0",
        "chunks, stage 1",
    ]
    assert shown_text(page, "dna").startswith(BASES[:90])
    find(page, "b0007")  # by its locus tag
    tracks_at(page, 70, 430)
    bases_at(page, 70, 430)
    assert note(page, "dna-place-found") == "gene abcA 101-400 (+)"
    place = page.locator("#dna-start input"), page.locator("#dna-end input")
    assert [each.input_value() for each in place] == ["71", "430"]
    assert page.locator("#dna-genome .genome-locus").inner_text() == "71-430 (360 bases)"
    assert page.locator("#dna-viewer .seg-ruler").first.inner_text() == "0071"
    inspector = page.locator("#dna-viewer .seg-inspector").inner_text().replace("\n", " ")
    assert "position 71 base " in inspector and "[" not in inspector
    page.locator("#dna-genome .genome-stage").focus()
    page.keyboard.press("+")  # the bases follow the tracks
    tracks_at(page, 160, 340)
    bases_at(page, 160, 340)
    page.get_by_role("button", name=re.compile("to the right")).click()
    tracks_at(page, 250, 430)
    bases_at(page, 250, 430)
    page.wait_for_function("document.querySelector('#dna-end input').value === '430'")
    wanted = [(int(row[2]), int(row[3])) for row in region_rows(page, 250, 430)]
    assert wanted and all(a < 430 and b > 250 for a, b in wanted)
    everything = download(page, "#dna-csv-all")
    assert "".join(row[6] for row in everything[1:] if row[1] == "0") == BASES
    assert page.evaluate("window.hacked") is None


def region_rows(page, start: int, end: int) -> list[list[str]]:
    """The region's CSV, once it is that of this region: its file follows the picture."""
    for _ in range(50):
        rows = download(page, "#dna-csv-region")[1:]
        outer = [row for row in rows if row[1] == "0"]
        if int(outer[0][2]) <= start < int(outer[0][3]) and int(outer[-1][2]) < end <= int(outer[-1][3]):
            return rows
        page.wait_for_timeout(100)
    raise AssertionError(f"the file never was that of [{start}, {end}): {outer[0]} to {outer[-1]}")


def test_a_click_on_a_track_says_what_is_there_in_words(dna, tmp_path):
    page, path = dna, tmp_path / "two.gff3"
    path.write_text(GFF.replace("<img src=x onerror='window.hacked=1'>", "P1"))
    annotate(page, path)
    second(page)
    analyse(page)
    find(page, "101-300")
    tracks_at(page, 100, 300)
    told = page.locator("#dna-genome .genome-told")

    def click(track: str) -> str:
        at = page.evaluate(
            f"""name => {{
                const view = {VIEW}.browser.trackViews.find((each) => each.track.name === name);
                const box = view.viewports[0].$viewport.get(0).getBoundingClientRect();
                return [box.left + 0.5025 * box.width, box.top + box.height - 6];
            }}""",
            track,
        )
        page.mouse.click(*at)
        page.wait_for_function(
            "name => document.querySelector('#dna-genome .genome-told').textContent.startsWith(name)",
            arg=track,
        )
        return told.inner_text()

    assert re.fullmatch(r"p, stage 0: base 20[01]: [01]\.\d{3}", click("p, stage 0"))
    chunk = re.fullmatch(
        r"chunks, stage 0: chunk (\d+)-(\d+), (\d+) bases?, p [01]\.\d{3}", click("chunks, stage 0")
    )
    first, last, n = (int(each) for each in chunk.groups())
    assert first <= 201 and last >= 200 and n == last - first + 1


def test_chunks_keep_their_shade_while_the_view_moves(page):
    """Of the bundled phage: what two overlapping reads say of the same chunks."""
    page.get_by_role("tab", name="DNA", exact=True).click()
    page.wait_for_function("document.querySelector('#dna-record input').value.startsWith('NC_001416')")
    analyse(page)
    read = f"""([start, end]) => {VIEW}.browser.trackViews
        .find((each) => each.track.name === 'chunks, stage 0').track.featureSource.reader
        .readFeatures('record', start, end)
        .then((all) => Object.fromEntries(all.slice(1, -1).map((each) => [each.start, each.color.slice(0, 14)])))"""
    whole = page.evaluate(read, [0, 48_000])
    for start in (4_500, 5_003, 8_192, 12_345, 20_001):
        part = page.evaluate(read, [start, start + 6_000])
        assert len(part) > 1_000
        assert {at: whole[at] for at in part} == part


def test_genbank_models_motif_and_codons(page, tmp_path):
    path = tmp_path / "rec.gb"
    path.write_text(GENBANK)
    page.get_by_role("tab", name="DNA", exact=True).click()
    upload(page, "dna", path)
    page.wait_for_function("document.querySelector('#dna-record input').value.startsWith('REC1.1')")
    page.locator("#dna-model input").click()
    page.get_by_role("option", name="English, 1 stage", exact=True).click()
    page.keyboard.press("Escape")
    analyse(page)
    names = page.evaluate(f"{VIEW}.browser.trackViews.map(each => each.track.name).filter(Boolean)")
    assert {"share of models that cut", "p, A stage 1", "chunks, B stage 0"} <= set(names)
    assert page.locator("#dna-viewer .seg-legend b").all_inner_texts() == [
        "A: DNA, 2 stages",
        "B: English, 1 stage",
    ]
    page.locator("#dna-group input").click()
    page.get_by_role("option", name="codons, in frame").click()
    wait_loaded(page, "dna", 2)
    gaps = page.evaluate("Array.from(window.hnet.viewers['dna-viewer'].segments.gaps)")
    assert [i for i, gap in enumerate(gaps) if gap][:30] == list(range(0, 90, 3))
    page.get_by_role("button", name="Motif search").click()
    page.locator("#dna-motif input, #dna-motif textarea").first.fill("TACGTR")
    page.keyboard.press("Enter")
    rows = table_rows(page, "dna-motif")
    assert rows[0][:4] == ["4", "9", "+", "TACGTA"]
    saved = download(page, "#dna-motif-all")
    assert [row[3:6] for row in saved[1:3]] == [["3", "9", "+"], ["3", "9", "-"]] and len(saved) > len(
        rows
    ) / 2
    page.wait_for_function(f"{VIEW}.browser.trackViews.some(each => each.track.name === 'motif')")
    page.locator("#dna-motif-table .virtual-row").first.locator("[role=gridcell]").first.click()
    tracks_at(page, 0, 60)


def test_bad_input_is_told_beside_its_control_and_the_next_action_works(dna, tmp_path):
    page, path = dna, tmp_path / "x.gff3"
    analyse(page)
    path.write_text(GFF.replace("second", "elsewhere"))
    annotate(page, path)
    assert "is of another genome" in note(page, "dna-annotation-note")
    find(page, "1-5000")
    assert "beyond the 120 bases of first" in note(page, "dna-place-note")
    bases_at(page, 0, 120)
    find(page, "21-80")
    tracks_at(page, 20, 80)
    bases_at(page, 20, 80)
    page.locator("#dna-start input").fill("-5")
    page.click("#dna-show")
    page.wait_for_function(
        "document.querySelector('#dna-place-note textarea').value.startsWith('from base -5 to base 80: give two whole')"
    )
    page.locator("#dna-start input").fill("21")
    page.click("#dna-show")
    page.wait_for_function("!document.querySelector('#dna-place-note textarea').value")
    choose(page, "dna", "Paste")
    page.locator("#dna-text textarea").fill(">p\nMKVLAAGIVGLLLAQ\n")
    page.locator("#dna-text textarea").blur()
    assert "nucleotide" in note(page, "dna-panel-note")
    page.get_by_role("button", name="Motif search").click()
    page.locator("#dna-motif input, #dna-motif textarea").first.fill("HELLO")
    page.keyboard.press("Enter")
    assert "no nucleotide code" in note(page, "dna-motif-note")
    assert page.locator("[data-testid=toast-body]").count() == 0
    assert shown_text(page, "dna") == ("ACGT" * 30)[20:80]


def test_each_bad_file_is_one_sentence_and_the_picture_stays(dna, tmp_path):
    page = dna
    analyse(page)
    for name, (content, words) in BAD.items():
        clear(page)
        path = tmp_path / name
        path.write_bytes(content)
        upload(page, "dna", path)
        told = note(page, "dna-panel-note")
        assert told.startswith(name) and words in told and "\n" not in told
        assert page.locator("[data-testid=toast-body]").count() == 0
        assert shown_text(page, "dna") == "ACGT" * 30
    clear(page)
    path.write_bytes(FASTA)
    upload(page, "dna", path)
    page.wait_for_function("document.querySelector('#dna-record input').value.startsWith('good')")
    analyse(page, 2)
    assert shown_text(page, "dna").startswith(BASES[:90])


def clear(page) -> None:
    """Take the uploaded file away; what was said of it goes with it."""
    page.locator("#dna-upload button[aria-label='Clear']").first.click()
    page.wait_for_selector("#dna-upload .file-preview", state="detached")
    page.wait_for_function("!document.querySelector('#dna-panel-note textarea').value")
    page.wait_for_function("!document.querySelector('#dna-record input').value")


def test_the_tracks_are_saved_as_svg_with_what_made_them(dna):
    page = dna
    analyse(page)
    find(page, "21-80")
    tracks_at(page, 20, 80)
    with page.expect_download() as info:
        page.get_by_role("button", name="save the tracks as they are here").click()
    assert info.value.suggested_filename == "tracks.svg"
    picture = ElementTree.parse(info.value.path()).getroot()
    svg = "{http://www.w3.org/2000/svg}"
    assert picture.tag == f"{svg}svg"
    words = {text.text for text in picture.iter(f"{svg}text")}
    assert {"p, stage 0", "chunks, stage 0", "p, stage 1", "chunks, stage 1"} <= words
    bars = [rect for rect in picture.iter(f"{svg}rect") if rect.get("fill") in ("#2f6db5", "rgb(47,109,181)")]
    assert len(bars) >= 60  # p of each base
    about = json.loads(picture.find(f"{svg}metadata").text)
    assert about["models"]["dna_a"]["weights_sha256"]
    assert about["options"] == {"record": "first", "start": 20, "end": 80}


def test_what_the_tracks_are_made_of_is_for_one_visitor(dna, browser, server):
    page, asked = dna, []
    page.on("request", lambda request: asked.append(request.url))
    analyse(page)
    files = [url for url in asked if re.search(r"/file=.*/(p-A0|cuts-A0|bases\.fa)$", url)]
    assert len({re.search(r"/([0-9a-f]{32})/", url)[1] for url in files}) == 1
    part = page.evaluate(
        """async url => {
            const answer = await fetch(url, { headers: { Range: 'bytes=9-12' } });
            return [answer.status, await answer.text()];
        }""",
        next(url for url in files if url.endswith("bases.fa")),
    )
    assert part == [206, "CGTA"]
    other = browser.new_context()
    try:
        visitor = other.new_page()
        visitor.goto(server)
        visitor.get_by_role("tab", name="DNA", exact=True).click()
        visitor.get_by_text("Pick the phage or upload").wait_for()
        assert visitor.evaluate(f"{VIEW}.browser || null") is None
        folder = re.match(r".*/[0-9a-f]{32}/", files[0])[0]
        assert visitor.evaluate("async url => (await fetch(url)).status", folder) == 403  # nothing is listed
    finally:
        other.close()
    second(page)
    page.get_by_role("button", name="whole record").focus()
    assert json.loads(page.evaluate("JSON.stringify(document.activeElement.getAttribute('aria-label'))"))
