"""The findings: tables as Parquet and CSV in a folder, and beside it the page that is written from them alone."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import parquet

from analysis.files.export import write_table
from analysis.files.provenance import KEY, Provenance, provenance
from analysis.findings import agreement, chunks, codons, features, surprise, words
from analysis.findings.document import LEVEL, Answer, Tables
from analysis.findings.study import Study
from hnet_core.errors import InputError

QUESTIONS = {
    "agreement": agreement,
    "codons": codons,
    "features": features,
    "surprisal": surprise,
    "words": words,
    "chunks": chunks,
}
"""Name -> module with tables(study), and answer(tables), which is None where there is nothing to answer from."""
TABLES = {
    "models": "the models",
    "inputs": "what they read",
    "agreement": "every pair of stages, with references and controls",
    "before_training": "agreement of untrained models beyond pairs of bytes",
    "consensus": "what all models of one depth share",
    "groups": "means over pairs of models",
    "codon_phase": "rates at the codon positions",
    "features": "rates by class of feature",
    "enrichment": "every measure of `analysis enrich`",
    "profiles": "rates around start and stop codons",
    "strands": "both strands",
    "surprisal": "every stage at every lag",
    "words": "every stage on every treebank",
    "treebanks": "what needs no learning",
    "stability": "every stage and kind of change",
    "dictionary": "distinct chunks and the most frequent",
    "overlap": "what dictionaries share",
    "account": "operations a byte",
}
"""Table -> what its rows are."""
DIGITS = 6
"""That count, of every number in the tables."""


def write_report(study: Study, out: Path, only: str = "") -> list[Path]:
    """Compute the tables, write them into the folder named as the page, then the plots and the page.

    only  the question whose tables are computed anew; those of the others stay, and must be of the same models and data
    """
    about, folder = _about(study), out.with_suffix("")
    if only:
        _refuse_another_study(folder, about)
    found = {} if only else {"models": _models(study), "inputs": _inputs(study)}
    for each in [QUESTIONS[only]] if only else QUESTIONS.values():
        found |= each.tables(study)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in found:
        table = found[name]
        for path in (folder / f"{name}.parquet", folder / f"{name}.csv"):
            if table.empty:
                path.unlink(missing_ok=True)
                Path(f"{path}.json").unlink(missing_ok=True)
            else:
                write_table(rounded(table), path, about)
                written.append(path)
    return written + write_page(out)


def write_page(out: Path) -> list[Path]:
    """The page and its plots from the tables that lie beside it; plots of an older page go.

    The page is renamed into place last, so that it never shows plots that are not there.
    """
    folder = out.with_suffix("")
    found, about = read_tables(folder)
    answers = [each for question in QUESTIONS.values() if (each := question.answer(found))]
    if not answers:
        raise InputError(f"{folder}: its tables answer nothing; compute them with --data FOLDER")
    parts = [_head(found, about, folder.name)]
    parts += [_markdown(each, place, folder.name) for place, each in enumerate(answers, 1)]
    written = [_replace(folder / name, svg) for name, _, svg in (each.plot for each in answers)]
    written.append(_replace(out, "\n".join(parts).encode()))
    for old in set(folder.glob("*.svg")) - set(written):
        old.unlink()
    return written


def read_tables(folder: Path) -> tuple[Tables, Provenance]:
    """The tables beside a page, the missing ones empty, and where they come from; InputError where there are none."""
    files = {name: folder / f"{name}.parquet" for name in TABLES}
    there = {name: path for name, path in files.items() if path.is_file()}
    if "models" not in there:
        raise InputError(
            f"{folder}: holds no tables of findings; compute them with --data FOLDER (make findings DATA=FOLDER)"
        )
    try:
        found = {name: pd.read_parquet(there[name]) if name in there else pd.DataFrame() for name in TABLES}
        about = json.loads(parquet.read_schema(there["models"]).metadata[KEY.encode()])
    except (OSError, ValueError, KeyError, TypeError) as err:  # pyarrow's own are among these
        raise InputError(
            f"{folder}: its tables cannot be read ({err}); compute them with --data FOLDER"
        ) from err
    return found, about


def _refuse_another_study(folder: Path, about: Provenance) -> None:
    """InputError where the tables in a folder are of other models or data."""
    _, there = read_tables(folder)
    if any(there.get(key) != about[key] for key in ("models", "input")):
        raise InputError(
            f"{folder}: its tables are of other models or data; compute all of them, without --only"
        )


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its numbers to so many digits that count: smaller files, and the page says the same of both."""
    real = table.select_dtypes("floating").columns
    return table.assign(**{name: _round(table[name].to_numpy(np.float64)) for name in real})


def _round(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values) & (values != 0)
    power = np.floor(np.log10(np.abs(np.where(known, values, 1.0))))
    scale = 10.0 ** (DIGITS - 1 - power)
    return np.where(known, np.round(values * scale) / scale, values)


def _replace(path: Path, content: bytes) -> Path:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
    return path


def _about(study: Study) -> Provenance:
    corpora = [*study.texts, *(genome.corpus for genome in study.genomes)]
    sequences = [sequence for corpus in corpora for sequence in corpus.sequences]
    sequences += [text.sequence for bank in study.treebanks for text in bank.texts]
    return provenance("findings", sequences, study.models, vars(study.limits))


def _models(study: Study) -> pd.DataFrame:
    rows = []
    for label, model in study.models.items():
        info = model.info
        row = {"model": label, "domain": info.get("domain", ""), "n_stages": model.n_stages}
        row |= {name: str(info.get(name, "")) for name in ("seed", "data_seed", "learned")}
        row |= {name: info.get(name, np.nan) for name in ("bytes_seen", "bits_per_byte")}
        row["bytes_per_chunk"] = ", ".join(f"{size:.2f}" for size in info.get("bytes_per_chunk", []))
        rows.append(row | {"weights_sha256": info.get("weights_sha256", "")})
    return pd.DataFrame(rows)


def _inputs(study: Study) -> pd.DataFrame:
    corpora = [*study.texts, *(genome.corpus for genome in study.genomes)]
    rows = [(c.title, c.domain, c.file, c.n_bytes, len(c.sequences)) for c in corpora]
    rows += [(b.name, b.language, f"segmentation/{b.name}", b.n_bytes, len(b.texts)) for b in study.treebanks]
    return pd.DataFrame(rows, columns=["input", "domain", "file", "n_bytes", "n_sequences"])


def _markdown(answer: Answer, place: int, folder: str) -> str:
    """The question under its heading; its files lie in `folder` beside the page."""
    name, caption, _ = answer.plot
    listed = ", ".join(f"[{each}]({folder}/{each}.csv) ({TABLES[each]})" for each in answer.tables)
    said = [" ".join(part) for part in (answer.said, answer.more) if part]
    parts = [f"## {place}. {answer.question}", *said, answer.number]
    parts += [f"![{caption}]({folder}/{name})", f"*What would change the answer.* {answer.doubt}"]
    return "\n\n".join([*parts, f"Tables: {listed}."]) + "\n"


def _head(found: Tables, about: Provenance, folder: str) -> str:
    models, inputs = found["models"], found["inputs"]
    options = about["options"]
    return f"""For researchers, biologists and linguists: what the bundled models have learned, and how sure that is.

# Findings

{len(models)} bundled models on {len(inputs)} inputs that are not in their training data. Every sentence, number and
plot on this page is written from the tables in [{folder}/]({folder}), by version {about["code_version"]} of the code.

- **Chance**: the same boundaries, shifted in a circle inside each document or record {options["shifts"]:,} times (in
  treebanks {options["word_shifts"]:,} times; in codons, turned inside each gene). **Beyond chance**: q < {LEVEL} by
  Benjamini-Hochberg over the tests of one input. p is never 0: N shifts can give 1 / (N + 1), two-sided 2 / (N + 1).
- **F1\\***: F1 of the boundaries of two models, rescaled: 0 is chance, 1 the best at their two rates.
- **Pairs of bytes**: boundaries that follow from two bytes alone, the one before a place and the one behind it, at the
  model's own rate for each pair. It is the simplest rule to learn, and models before training follow one too.
- **Stage**: 0 is the outermost. A model of two stages counts as two stages.
- **The models** are small, and some were chosen by what they cut ([training.md](training.md)): they show what such
  trainings can come to, not how often. Tables: [models]({folder}/models.csv), [inputs]({folder}/inputs.csv).

Ask the tables: each `.parquet` file in the folder is a view ([analysis.md](analysis.md) has the columns).

    .venv/bin/python -m analysis query "SELECT model, stage, kind, jaccard FROM stability" --tables docs/findings

`make findings DATA=FOLDER` computes them anew; `python -m analysis findings --out docs/findings.md` writes the page
from the tables. FOLDER holds `text/` and `code/` (`english_valid`, `chinese_valid`, `python_valid` and the `_train`
files, `.jsonl.xz`: a document a line under `"text"`; of the first the half is read that no recipe is chosen by), `dna/`
(`ecoli_k12_mg1655`, `yeast_s288c_r64`, `mycoplasma_mycoides_gm12`, `lambda`, each `.fa.gz` and `.gff3.gz`;
`phages_10.fa.gz`) and `segmentation/` (Universal Dependencies, `*-test.conllu.xz`). What is missing is left out.
"""
