"""The whole document: models, sections, what it rests on; written at once or not at all."""

import os
import tempfile
from pathlib import Path

import pandas as pd

from analysis.files.provenance import code_version
from analysis.findings import agreement, chunks, codons, features, surprise, words
from analysis.findings.document import Section, decimal, table, text, whole
from analysis.findings.study import Study

SECTIONS = (agreement, codons, features, surprise, words, chunks)
"""Each has section(study) -> Section; one without content is left out."""


def report(study: Study) -> tuple[str, dict[str, bytes]]:
    """The document as Markdown, and its plots by file name."""
    sections = [module.section(study) for module in SECTIONS]
    sections = [each for each in sections if each.shorts]
    parts = [_head(), _shorts(sections), _models(study), *(s.markdown(i) for i, s in enumerate(sections, 1))]
    return "\n".join(parts), {name: svg for each in sections for name, svg in each.plots.items()}


def write_report(study: Study, out: Path) -> list[Path]:
    """Write the document and, in a folder of its name beside it, the plots; plots of an older run go.

    The document is renamed into place last, so that it never shows plots that are not there.
    """
    document, plots = report(study)
    folder = out.with_suffix("")
    document = document.replace("](findings/", f"]({folder.name}/")
    folder.mkdir(parents=True, exist_ok=True)
    written = [_replace(folder / name, svg) for name, svg in plots.items()]
    written.append(_replace(out, document.encode()))
    for old in set(folder.glob("*.svg")) - set(written):
        old.unlink()
    return written


def _replace(path: Path, content: bytes) -> Path:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
    return path


def _head() -> str:
    return f"""# Findings

What the bundled models found on data they never saw. `make findings DATA=FOLDER` writes this page and its plots anew,
the sentences too: "beyond chance" stands where q < 0.05 and nowhere else. Made by version {code_version()}.
p is never 0: the least that N shifts can give is 1 / (N + 1), two-sided 2 / (N + 1); below 0.0001 no more is said.

FOLDER holds `text/` and `code/` (`english_valid.jsonl.xz`, `chinese_valid.jsonl.xz`, `python_valid.jsonl.xz`: a
document a line under `"text"`, and the `_train` files, of which byte-pair vocabularies are learned), `dna/`
(`ecoli_k12_mg1655`, `yeast_s288c_r64`, `mycoplasma_mycoides_gm12`, `lambda`, each `.fa.gz` and `.gff3.gz`, and
`phages_10.fa.gz`) and `segmentation/` (Universal Dependencies treebanks, `LANGUAGE_NAME.conllu.xz`). What is missing
is left out. The held-out texts share no document with the training files; the recipes leave E. coli, yeast chromosome
XV and the mitochondrion out, and Mycoplasma and lambda are in no training file.
"""


def _shorts(sections: list[Section]) -> str:
    lines = ["## In short", ""]
    for number, each in enumerate(sections, 1):
        lines += [f"**{number}. {each.title}**", "", *(f"- {sentence}" for sentence in each.shorts), ""]
    return "\n".join(lines)


def _models(study: Study) -> str:
    rows = []
    for label, model in study.models.items():
        info = model.info
        chunk = [decimal(2)(size) for size in info.get("bytes_per_chunk", [])]
        row = {"model": label, "domain": info.get("domain", "-"), "stages": model.n_stages}
        row |= {name: str(info.get(name, "-")) for name in ("seed", "data_seed", "learned")}
        row |= {
            "seen": info.get("bytes_seen"),
            "bits": info.get("bits_per_byte"),
            "chunk": ", ".join(chunk) or "-",
        }
        rows.append(row | {"hash": info.get("weights_sha256", "")[:12]})
    columns = {
        "model": ("model", text),
        "domain": ("domain", text),
        "stages": ("stages", whole),
        "seed": ("seed", text),
        "data_seed": ("data order", text),
        "seen": ("bytes seen", whole),
        "bits": ("bits a byte", decimal(3)),
        "chunk": ("bytes a chunk", text),
        "learned": ("learned", text),
        "hash": ("weights (SHA-256)", text),
    }
    return "\n".join(["## The models", "", table(pd.DataFrame(rows), columns), ""])
