"""Gene models written down in every format, on the forward strand and mirrored on the reverse one."""

from analysis.genome.features import feature_classes, sites
from analysis.inputs.annotations import fit_features, read_features
from analysis.inputs.sources import Sequence

LENGTH = 1000
_OTHER = {"+": "-", "-": "+", ".": "."}


def lines_text(*lines: str, mirror: bool = False) -> bytes:
    """Lines of GFF3 or GTF: "KIND START END STRAND PHASE COLUMN_9" each, 1-based. mirror: on the other strand."""
    out = []
    for line in lines:
        kind, start, end, strand, phase, about = line.split(None, 5)
        start, end = int(start), int(end)
        if mirror:
            start, end, strand = LENGTH + 1 - end, LENGTH + 1 - start, _OTHER[strand]
        out.append("\t".join(["s", "x", kind, str(start), str(end), ".", strand, phase, about]) + "\n")
    return "".join(out).encode()


def place(parts, mirror: bool = False, open_start: bool = False, open_end: bool = False) -> str:
    """A GenBank location of (start, end) parts in the order of transcription, 1-based, on the forward strand."""
    first, last = parts[0][0], parts[-1][1]
    if mirror:
        parts = [(LENGTH + 1 - b, LENGTH + 1 - a) for a, b in reversed(parts)]
        open_start, open_end, first, last = open_end, open_start, LENGTH + 1 - last, LENGTH + 1 - first
    texts = [
        f"{'<' if open_start and a == first else ''}{a}..{'>' if open_end and b == last else ''}{b}"
        for a, b in parts
    ]
    text = f"join({','.join(texts)})" if len(texts) > 1 else texts[0]
    return f"complement({text})" if mirror else text


def genbank(*features: str, topology: str = "linear", version: str = "s.1", locus: str = "s") -> bytes:
    """A record: "KIND LOCATION /QUALIFIER ..." each."""
    rows = [
        f"LOCUS       {locus:<12}            {LENGTH} bp    DNA     {topology:<8} UNA 01-JAN-2020",
        "DEFINITION  made up.",
        "ACCESSION   .",
        f"VERSION     {version}",
        "FEATURES             Location/Qualifiers",
    ]
    for feature in features:
        kind, where, *qualifiers = feature.split(" ")
        rows.append(f"     {kind:<16}{where}")
        rows += [" " * 21 + each for each in qualifiers]
    rows.append("ORIGIN")
    for at in range(0, LENGTH, 60):
        tens = ["a" * min(10, LENGTH - at - i) for i in range(0, 60, 10) if at + i < LENGTH]
        rows.append(f"{at + 1:>9} {' '.join(tens)}")
    return ("\n".join([*rows, "//"]) + "\n").encode()


def bed12(parts, coding, mirror: bool = False, more: str = "") -> bytes:
    """A BED12 line of exons (start, end) and of what codes between two ends, 1-based, on the forward strand."""
    strand = "+"
    if mirror:
        parts = [(LENGTH + 1 - b, LENGTH + 1 - a) for a, b in reversed(parts)]
        coding, strand = (LENGTH + 1 - coding[1], LENGTH + 1 - coding[0]), "-"
    low, high = parts[0][0] - 1, parts[-1][1]
    sizes = ",".join(str(b - a + 1) for a, b in parts) + ","
    offsets = ",".join(str(a - 1 - low) for a, _ in parts) + ","
    columns = ["s", low, high, "t", 0, strand, coding[0] - 1, coding[1], 0, len(parts), sizes, offsets]
    return ("\t".join(map(str, columns)) + more + "\n").encode()


def fitted(text: bytes):
    """The features on a sequence of LENGTH bases, and what is said of them."""
    return fit_features(read_features(text, "a"), [Sequence("s", b"A" * LENGTH, kind="dna")], "a")


def found(text: bytes) -> dict[str, list[int]]:
    """ "SITE STRAND" -> positions."""
    return {" ".join(key): each.tolist() for key, each in sites(fitted(text)[0], LENGTH).items()}


def classes(text: bytes, *labels: str) -> dict[str, list[list[int]]]:
    """Bases of these classes, both strands together."""
    all_of_them = feature_classes(fitted(text)[0], LENGTH)
    return {label: all_of_them[label, "."].tolist() for label in labels if (label, ".") in all_of_them}


def turned(wanted: dict[str, list[int]]) -> dict[str, list[int]]:
    """Sites of the mirrored model."""
    out = {}
    for key, positions in wanted.items():
        site, strand = key.split()
        out[f"{site} {_OTHER[strand]}"] = sorted(LENGTH - 1 - position for position in positions)
    return out


def mirrored(wanted: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
    """Classes of the mirrored model."""
    return {key: sorted([LENGTH - b, LENGTH - a] for a, b in each) for key, each in wanted.items()}
