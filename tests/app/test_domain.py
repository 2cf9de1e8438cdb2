"""The guess of what kind of text an input is."""

import pytest

from app.domain import DOMAINS, guess_domain


@pytest.mark.parametrize(
    ("data", "name", "domain"),
    [
        (b"It was a dark and stormy night; the rain fell in torrents.\nNobody was out.", "", "english"),
        ("话说天下大势，分久必合，合久必分。".encode(), "", "chinese"),
        (b"import os\n\n\ndef main():\n    x = 1\n    return x\n", "", "code"),
        (b"x", "tool.py", "code"),
        (b">r1\nACGTACGTAACC\n", "", "dna"),
        (b"anything", "genome.fa.gz", "dna"),
        ("Съешь же ещё этих мягких французских булок".encode(), "", "text"),
        (b"", "", "text"),
        (b"\xff\xfe\x00", "", "text"),
    ],
)
def test_guess(data, name, domain):
    assert guess_domain(data, name) == domain


def test_every_guess_has_words():
    assert set(DOMAINS) == {"english", "chinese", "code", "dna", "text"}
