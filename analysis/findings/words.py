"""Do boundaries fall where the words of treebanks start, in languages the models know and in others?"""

from collections.abc import Sequence

import pandas as pd

from analysis.agreement.gold_words import word_table
from analysis.boundaries.segmentations import cut
from analysis.findings import plots
from analysis.findings.data import Treebank
from analysis.findings.document import LEVEL, Answer, Tables, decimal, listed, of, table, text
from analysis.findings.study import Study
from analysis.references.names import segmenter

RATES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
"""Constant rates of random boundaries, besides a boundary at every byte."""
KNOWN = {"english": "English", "chinese": "Chinese", "code": "English"}
"""Domain of a model -> the language of treebanks that its training data hold (source code is English in its names)."""
NAMES = {"english": "English models", "chinese": "Chinese models", "code": "models of code"}


def tables(study: Study) -> Tables:
    """words: every stage of every model of text or code on every treebank. treebanks: what needs no learning."""
    readers = [label for label, model in study.models.items() if model.info.get("domain") != "dna"]
    if not readers or not study.treebanks:
        return {"words": pd.DataFrame(), "treebanks": pd.DataFrame()}
    parts = [_bank(study, bank, readers) for bank in study.treebanks]
    found = pd.concat([part for part, _ in parts], ignore_index=True)
    return {"words": found, "treebanks": pd.DataFrame([about for _, about in parts])}


def _bank(study: Study, bank: Treebank, readers: list[str]) -> tuple[pd.DataFrame, dict]:
    """Rows of all models, and what rules reach."""
    study.say(f"{bank.name}: gold words")
    texts, sequences = list(bank.texts), [each.sequence for each in bank.texts]
    stages = [stage for label in readers for stage in study.cut(sequences, label)]
    found = _at_words(word_table(stages, texts, bank.name, shifts=study.limits.word_shifts))
    names = ["ref:words", "ref:fixed:1", *(f"ref:random:{rate}" for rate in RATES)]
    rules = [stage for name in names for stage in cut(sequences, segmenter(name))]
    # One shift: of the rules F1 is wanted, not its significance.
    reached = _at_words(word_table(rules, texts, bank.name, shifts=1)).set_index("model")["f1"]
    constant = float(reached.drop("ref:words").max())
    domains = [study.models[label].info.get("domain", "") for label in found["model"]]
    found = found.assign(language=bank.language, domain=domains, f1_constant=constant)
    about = {"language": bank.language, "gold": bank.name, "n_bytes": bank.n_bytes, "whole": bank.whole}
    about |= {"n_gold": int(found["n_gold"].iloc[0]), "f1_constant": constant}
    about |= {"f1_every_byte": float(reached["ref:fixed:1"]), "f1_unicode_words": float(reached["ref:words"])}
    return found[["language", "domain", *found.columns[:-3], "f1_constant"]], about


def _at_words(found: pd.DataFrame) -> pd.DataFrame:
    """Surface tokens; a word starts anywhere from the white space before it to its first byte."""
    return found[(found["units"] == "surface") & (found["place"] == "gap")].reset_index(drop=True)


def answer(found: Tables) -> Answer | None:
    """F1 with gold words, by domain of the models, in the language they know and in all others."""
    rows = found["words"]
    if rows.empty:
        return None
    rows = rows.assign(knows=rows["language"] == rows["domain"].map(KNOWN))
    parts = [(domain, knows, part) for (domain, knows), part in rows.groupby(["domain", "knows"], sort=False)]
    parts.sort(key=lambda each: (list(KNOWN).index(each[0]) if each[0] in KNOWN else len(KNOWN), not each[1]))
    shown = pd.DataFrame([_row(domain, knows, part) for domain, knows, part in parts])
    columns = {
        "models": ("models", text),
        "on": ("treebanks", text),
        "f1": ("F1, median", decimal(2)),
        "chance": ("by chance", decimal(2)),
        "constant": ("best constant rate", decimal(2)),
        "sure": ("beyond chance, q < 0.05", text),
        "above": ("and above the best constant rate", text),
    }
    return Answer(
        "Do boundaries fall where words start?",
        verdict(parts),
        elsewhere(parts),
        table(shown, columns),
        ("words.svg", "F1 of every stage with gold words, by language", _plot(rows, found["treebanks"])),
        "Trainings that are not chosen for cutting words; in the other languages, models that were trained on them.",
        ("words", "treebanks"),
    )


def _above(part: pd.DataFrame) -> pd.DataFrame:
    """Beyond chance, and better than random boundaries of any rate."""
    return part[(part["q_value"] < LEVEL) & (part["f1"] > part["f1_constant"])]


def _row(domain: str, knows: bool, part: pd.DataFrame) -> dict:
    languages = sorted(set(part["language"]))
    sure, n = int((part["q_value"] < LEVEL).sum()), len(part)
    about = {
        "models": NAMES.get(domain, domain),
        "on": languages[0] if knows else f"{len(languages)} other languages",
    }
    about |= {"f1": part["f1"].median(), "chance": part["f1_chance"].median()}
    about |= {"constant": part["f1_constant"].median(), "sure": f"{sure} of {n}"}
    return about | {"above": f"{len(_above(part))} of {n}"}


def verdict(parts: Sequence[tuple[str, bool, pd.DataFrame]]) -> list[str]:
    """Models in the language they know: in how many tests a stage does better than both nulls; none first."""
    kinds: dict[str, list[str]] = {"No": [], "In part": [], "Yes": []}
    for domain, knows, part in parts:
        if knows:
            above, n = len(_above(part)), len(part)
            word = "Yes" if above == n else "No" if not above else "In part"
            name = f"{NAMES.get(domain, domain)} on {part['language'].iloc[0]}"
            kinds[word].append(f"{name} ({of(above, n, 'tests')})")
    said = [f"**{word}: {listed(names)}.**" for word, names in kinds.items() if names]
    return [
        *said,
        "Counted are tests (a stage on a treebank) in which F1 is beyond chance and above what random boundaries reach "
        "at the rate that serves them best.",
    ]


def elsewhere(parts: Sequence[tuple[str, bool, pd.DataFrame]]) -> list[str]:
    """The same in languages that the models do not know."""
    said = []
    for domain, knows, part in parts:
        if not knows:
            where = listed(sorted(set(_above(part)["language"]))) if len(_above(part)) else ""
            tests = of(len(_above(part)), len(part), "tests")
            said.append(f"{NAMES.get(domain, domain)} {tests}{f' ({where})' if where else ''}")
    return [f"In other languages: {'; '.join(said)}."] if said else []


def _plot(rows: pd.DataFrame, banks: pd.DataFrame) -> bytes:
    panels = {}
    for bank in banks.itertuples():
        part = rows[rows["gold"] == bank.gold]
        series = {
            NAMES.get(domain, domain): own["f1"].tolist()
            for domain, own in part.groupby("domain", sort=False)
        }
        marks = {"best constant rate": [bank.f1_constant], "Unicode words": [bank.f1_unicode_words]}
        panels[f"{bank.language} ({bank.gold.split('-ud-')[0].split('_')[-1]})"] = series | marks
    return plots.strips(panels, "F1 with gold words", ticks=("best constant rate", "Unicode words"))
