"""The guess of what kind of text an input is."""

from pathlib import Path

import pytest

from analysis.inputs.reading import Sequence
from app.kinds import domain as kinds
from app.kinds.domain import DOMAINS, guess_domain, guess_language
from app.server.session import Session


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
        (b"Der Hund ist nicht im Haus, und die Katze auch nicht.", "", "text"),
        ("Les enfants sont dans le jardin avec leur mère.".encode(), "", "text"),
        (b"Bu kitap benim icin bir hediye ve bir umut.", "", "text"),
        (b"Kesk aed seisis vana puu " * 8, "", "text"),
        (b"Hello world", "", "english"),
        (b"", "", "text"),
        (b"\xff\xfe\x00", "", "text"),
    ],
)
def test_guess(data, name, domain):
    assert guess_domain(data, name) == domain


def test_every_guess_has_words():
    assert set(DOMAINS) == {"english", "chinese", "code", "dna", "text"}


SOURCES = {
    "JavaScript": """const fs = require("fs");
function total(items) {
  return items.filter((each) => each.price !== undefined).length;
}
module.exports = { total };
""",
    "TypeScript": """interface Item { name: string; price: number }
export const total = (items: Item[]): number => items.length;
""",
    "Python": """import os


def main(path):
    for name in os.listdir(path):
        print(name)
""",
    "Rust": """fn main() {
    let mut found: Vec<u32> = Vec::new();
    found.push(1);
    println!("{:?}", found);
}
""",
    "C": """#include <stdio.h>

int main(void) {
    printf("hello\\n");
    return 0;
}
""",
    "C++": """#include <vector>
int main() {
    std::vector<int> found;
    std::cout << found.size();
}
""",
    "SQL": """SELECT name, COUNT(*) FROM users
WHERE age > 3
GROUP BY name;
""",
    "Go": """package main

import "fmt"

func main() {
	fmt.Println("hello")
}
""",
    "Java": """public class Main {
    public static void main(String[] args) {
        System.out.println("hello");
    }
}
""",
    "shell": """#!/bin/bash
set -e
for name in *; do
  echo "$name"
done
""",
    "HTML": "<!doctype html>\n<html><body><p>One.</p></body></html>\n",
}
PROSE = [
    "Let me see; if he comes, we select one from the list and return it to the class.\nWhere was he? Nobody knew.\n",
    "From: Ada\nTo: Grace\n\nDear Grace,\nimport duties rose again; the function of the class is unclear.\n",
    "Update the set of rules, then go to the end.\nFor all we know, it is done; echo answers.\n",
]


@pytest.mark.parametrize("language", SOURCES)
def test_a_language_is_known_by_its_lines(language):
    data = SOURCES[language].encode()
    assert guess_domain(data) == "code" and guess_language(data) == language


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_no_source(text):
    assert guess_domain(text.encode()) == "english"


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.js", "JavaScript"), ("A.MJS.gz", "JavaScript"), ("b.rs.xz", "Rust"), ("c.sql", "SQL")],
)
def test_the_suffix_decides(name, language):
    assert guess_domain(b"x", name) == "code" and guess_language(b"x", name) == language


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """A session over four models of source code, by their cards alone."""
    data = {
        "py": (["python_train.jsonl.xz"], 50, "words"),
        "both": (["python_train.jsonl.xz", "javascript_train.jsonl.xz"], 10, "early"),
        "both2": (["python_train.jsonl.xz", "javascript_train.jsonl.xz"], 8, "words"),
        "bare": (None, 1, "words"),
    }
    session = Session(tmp_path_factory.mktemp("none"), "cpu")
    session.cards = lambda: [
        {"name": name, "domain": "code", "learned": learned, "bytes_seen": seen}
        | ({"data": files} if files else {})
        for name, (files, seen, learned) in data.items()
    ]
    return session


@pytest.mark.parametrize(
    ("language", "model"),
    [("JavaScript", "both2"), ("TypeScript", "both2"), ("Python", "py"), ("Rust", "py"), ("", "py")],
)
def test_a_language_is_read_by_a_model_that_saw_it(cards, language, model):
    assert cards.model_for("code", language) == model


def test_the_bundled_models_name_their_languages():
    session = Session(None, "cpu")
    saw = {card["name"]: kinds.languages_of(card) for card in session.cards()}
    assert "JavaScript" in saw[session.model_for("code", "JavaScript")]
    assert all(saw[card["name"]] for card in session.cards() if card["domain"] == "code")
    assert Path(session.sample("python").path).suffix == ".py"


def test_a_language_never_seen_is_told():
    info = {"domain": "code", "data": ["python_train.jsonl.xz", "javascript_train.jsonl.xz"]}
    told = kinds.unseen(info, Sequence("pasted text", SOURCES["Rust"].encode()))
    assert told == "This model never saw Rust; it was trained on JavaScript and Python: expect noise."
    for source, about in (
        (SOURCES["Python"], info),
        (PROSE[0], info),
        (SOURCES["Rust"], {"domain": "code"}),
        (SOURCES["Rust"], {**info, "domain": "english"}),
    ):
        assert kinds.unseen(about, Sequence("pasted text", source.encode())) == ""
