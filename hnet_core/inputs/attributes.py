"""The ninth column of GFF3, GTF and GFF2: what a line says of its feature, in whichever of the dialects it is."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

_GFF3 = re.compile(r'[\s;]*[^\s=";]+\s*=')
_PAIR = re.compile(r'([^\s;"]+)\s+(?:"([^"]*)"|([^;"]+))')
_NAMES = ("Name", "gene", "locus_tag", "ID", "gene_name", "gene_id", "transcript_id", "name", "")
_GTF_NAMES = ("gene_name", "gene_id", "transcript_id", "name", "Name", "")
# What holds the parts of a transcript together in GFF2 files, which had no rule for it.
_GFF2_PARENTS = ("name", "Name", "transcriptId", "Transcript", "mRNA", "CDS", "Sequence", "GenePrediction")
_GFF2_PARENTS += ("proteinId", "GeneModel", "Gene", "gene", "")
_YES = ("true", "yes", "1")

Attributes = Mapping[str, str]
"""Key -> value, the first where a key is repeated. Under "" what stands there alone, without a key."""


def attributes(text: str) -> tuple[str, dict[str, str]]:
    """The dialect, "gff3" (key=value) or "gtf" (key "value"; GFF2 too, and a bare name), and the attributes.

    Told by the line itself: tools write lines of several kinds into one file.
    """
    text, found = text.strip().strip(";"), {}
    if text in ("", "."):
        return "gff3", found
    if _GFF3.match(text):
        for piece in text.split(";"):
            key, _, value = piece.partition("=")
            found.setdefault(key.strip(), value.strip())
        return "gff3", found
    for key, quoted, bare in _PAIR.findall(text):
        found.setdefault(key, quoted or bare.strip())
    if not found and len(text.split()) == 1:
        found[""] = text.strip('"')
    return "gtf", found


def name_of(dialect: str, about: Attributes) -> str:
    """What people call the feature."""
    keys = _NAMES if dialect == "gff3" else _GTF_NAMES
    found = next((about[key] for key in keys if about.get(key)), "")
    return unquote(found) if dialect == "gff3" else found


def tag_of(dialect: str, about: Attributes) -> str:
    """A second name: locus tag, ID or gene_id."""
    keys = ("locus_tag", "ID") if dialect == "gff3" else ("gene_id", "")
    found = next((about[key] for key in keys if about.get(key)), "")
    return unquote(found) if dialect == "gff3" else found


def parents_of(dialect: str, about: Attributes) -> list[str]:
    """The transcripts or genes that the feature belongs to; its own ID where it names none."""
    if dialect == "gff3" and about.get("Parent"):
        return [_link(each) for each in about["Parent"].split(",") if each.strip()]
    keys = ("transcript_id", "ID", "gene_id") if dialect == "gff3" else ("transcript_id", "gene_id")
    found = next((about[key] for key in (*keys, *_GFF2_PARENTS) if about.get(key)), "")
    return [_link(found)] if found else []


def identity_of(kind: str, dialect: str, about: Attributes) -> str:
    """The feature's own ID; "" where the file gives none."""
    if dialect == "gff3":
        return _link(about.get("ID", ""))
    key = {"gene": "gene_id", "transcript": "transcript_id", "mRNA": "transcript_id"}.get(kind, "")
    return _link(about.get(key) or about.get("", ""))


def protein_of(about: Attributes) -> str:
    """What tells one protein of a transcript from another, where the file says it."""
    return about.get("protein_id") or about.get("Derives_from") or ""


def number_of(about: Attributes) -> int:
    """The file's number of this part in the order of transcription; 0 where it has none."""
    text = about.get("part") or about.get("exon_number") or ""
    text = text.split("/")[0].strip('"')
    return int(text) if text.isdecimal() and len(text) <= 9 else 0


def is_trans_spliced(about: Attributes) -> bool:
    """Whether the feature is trans-spliced: its parts need not be in the order of their places."""
    return "trans" in about.get("exception", "") or "trans_splicing" in about or "part" in about


def is_pseudo(kind: str, about: Attributes) -> bool:
    """Whether the feature is of a pseudogene, as it says itself."""
    types = [about.get(key, "") for key in ("gene_biotype", "gene_type", "biotype", "transcript_biotype")]
    marked = about.get("pseudo", "").lower() in _YES or "pseudogene" in about
    # A polymorphic pseudogene is a gene in part of the people; where it has CDS, that is read.
    named = any("pseudogene" in each and "polymorphic" not in each for each in types)
    return marked or named or "pseudogen" in kind


def missing_ends(text: str, about: Attributes, strand: str) -> tuple[bool, bool, bool]:
    """Whether the feature begins, and ends, beyond what is annotated, as transcribed; or one does, not said which.

    text  the whole column: GTF repeats the key `tag`
    """
    partial = about.get("partial", "").lower()
    low = about.get("start_range", "").replace(" ", "").startswith(".,") or partial in ("10", "11")
    high = about.get("end_range", "").replace(" ", "").endswith(",.") or partial in ("01", "11")
    start, end = (high, low) if strand == "-" else (low, high)
    if "_NF" in text:
        start, end = start or "_start_NF" in text, end or "_end_NF" in text
    return start, end, partial in ("true", "yes") and not (start or end)


def is_ring(about: Attributes) -> bool:
    """Whether the line says that its sequence is circular."""
    return about.get("Is_circular", "").lower() in _YES


def _link(text: str) -> str:
    """An ID as links compare it: decoded, but for the comma, which parts them."""
    return unquote(text.strip()).replace(",", "%2C")
