"""GenBank flat files -> DNA sequences and their features."""

import warnings

from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError
from Bio.SeqFeature import ExactPosition, SeqFeature
from Bio.SeqRecord import SeqRecord

from analysis.inputs.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name
from hnet_core.errors import InputError
from hnet_core.inputs.fasta import NUCLEOTIDES, to_bases
from hnet_core.inputs.features import Feature, around_origins, coding_phases
from hnet_core.inputs.text import lines_of, plain_text

_STRANDS = {1: "+", -1: "-"}
_FAR = 10**15
_NAMES = ("gene", "locus_tag", "product", "label", "note")


def is_genbank(data: bytes) -> bool:
    """Whether content (decompressed) is a GenBank file, by how it begins, whatever its name."""
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"LOCUS ")


def read_genbank(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[Sequence]:
    """One DNA sequence a record, named as record_name says; bases in upper case, T for U.

    GenBank writes bases in lower case, so that case is no news here.
    """
    shown = source_name(source, name, "GenBank")
    sequences: dict[str, Sequence] = {}
    for record in genbank_records(read_bytes(source, shown, max_bytes), shown):
        name = record_name(record)
        where = f"{shown}: record {name!r}"
        try:
            letters = str(record.seq).upper()
        except UndefinedSequenceError:
            raise InputError(f"{where} has no sequence; fetch it with its ORIGIN section") from None
        if not letters:
            raise InputError(f"{where} has no bases; fetch it with its ORIGIN section")
        data, notes = to_bases(letters)
        if data is None:
            wrong = next(c for c in letters if c not in NUCLEOTIDES)
            raise InputError(f"{where}: {wrong!r} is not a nucleotide code (allowed: {NUCLEOTIDES})")
        if name in sequences:
            raise InputError(f"{shown}: two records are named {name!r}; keep one of them")
        sequences[name] = Sequence(name, data, notes, "dna")
    return list(sequences.values())


def record_name(record: SeqRecord) -> str:
    """Its VERSION; where that is empty, as many plasmid editors leave it, the name on its LOCUS line."""
    return record.name if record.id in ("", ".", "<unknown id>") else record.id


def genbank_records(data: bytes, shown: str) -> list[SeqRecord]:
    """Biopython's records of a GenBank file; at least one, else InputError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)  # about layout; what it cannot read, it raises
        try:
            records = list(SeqIO.parse(lines_of(plain_text(data, shown)), "genbank"))
        except (ValueError, AssertionError, IndexError) as err:
            raise InputError(f"{shown}: cannot be read as GenBank ({err}); check the file") from err
    if not records:
        raise InputError(f"{shown}: holds no GenBank record; one starts with a line 'LOCUS ...'")
    return records


def genbank_features(data: bytes, shown: str) -> tuple[list[Feature], tuple[str, ...]]:
    """The features of all records, a part a Feature, and what is to be said about them.

    The parts of a location are in the order of transcription. `<` and `>` mark ends that are missing.
    """
    found, notes = [], []
    for record in genbank_records(data, shown):
        name, length = record_name(record), len(record)
        rings = {name: length} if record.annotations.get("topology") == "circular" else {}
        parts = []
        for number, feature in enumerate(record.features):
            where = f"{shown}: record {name!r}: feature {number + 1}, "
            where += " ".join(filter(None, (feature.type, _name(feature))))
            if not _has_place(feature):
                notes.append(
                    f"{where}, has no place that Biopython can read; it is left out: correct its location, "
                    "START..END counted from 1"
                )
                continue
            codon_start = "1"
            if feature.type == "CDS":
                codon_start = feature.qualifiers.get("codon_start", ["1"])[0]
            if codon_start not in ("1", "2", "3"):
                notes.append(f"{where}: codon_start {codon_start!r} is none of 1 2 3; it is read as 1")
                codon_start = "1"
            parts += _parts(feature, name, str(number), int(codon_start) - 1)
        _mark_pseudogenes(parts)
        found += around_origins(parts, rings)
    return found, tuple(notes)


def _has_place(feature: SeqFeature) -> bool:
    """False where Biopython found none (start after end), or one beyond every genome."""
    return feature.location is not None and all(
        abs(int(end)) < _FAR for part in feature.location.parts for end in (part.start, part.end)
    )


def _parts(feature: SeqFeature, record: str, number: str, skip: int) -> list[Feature]:
    """A Feature for each part of a location that lies in the record itself. skip: bases before the first codon."""
    places = feature.location.parts
    phases = [-1] * len(places)
    if feature.type == "CDS":
        phases = coding_phases([len(place) for place in places], skip)
    about = {
        "parent": f"{record}:{number}".replace(",", "%2C"),
        "group": f"{record}:{number}".replace(",", "%2C"),
        "pseudo": bool({"pseudo", "pseudogene"} & feature.qualifiers.keys()) or "pseudogen" in feature.type,
        "tag": feature.qualifiers.get("locus_tag", [""])[0],
    }
    found = []
    for rank, (place, phase) in enumerate(zip(places, phases, strict=True)):
        if place.ref is not None:
            continue
        ends = [not isinstance(end, ExactPosition) for end in (place.start, place.end)]
        strand = _STRANDS.get(place.strand, ".")
        first, last = ends[::-1] if strand == "-" else ends
        interval = (int(place.start), int(place.end), strand, phase)
        part = Feature(record, feature.type, _name(feature), *interval, rank=2 * rank, **about)
        # What lies in another record is missing here.
        part.open_start = first or (rank > 0 and places[rank - 1].ref is not None)
        part.open_end = last or (rank + 1 < len(places) and places[rank + 1].ref is not None)
        found.append(part)
    return found


def _mark_pseudogenes(parts: list[Feature]) -> None:
    """Features with the locus tag of a pseudogene belong to it."""
    tags = {each.tag for each in parts if each.pseudo and each.tag}
    for each in parts:
        each.pseudo = each.pseudo or each.tag in tags


def _name(feature: SeqFeature) -> str:
    return next((feature.qualifiers[key][0] for key in _NAMES if key in feature.qualifiers), "")
