"""Coding sequences: whose bases have a codon position."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hnet_core.data.documents import open_data
from hnet_core.errors import InputError
from hnet_core.inputs.annotation_lines import line_features
from hnet_core.inputs.names import meeting, of_another_genome, some
from hnet_core.inputs.text import plain_text


@dataclass(frozen=True)
class CodingPart:
    """One part of a coding sequence: 0-based half-open, phase = bases before the next whole codon as it is read.

    forward  on the given strand; None: not known, or of a pseudogene, and then its bases have no codon position
    """

    start: int
    end: int
    forward: bool | None
    phase: int


def read_coding_parts(path: str | Path, records: Iterable[str]) -> dict[str, list[CodingPart]]:
    """The CDS parts of a GFF3, GTF or BED file (.gz and .xz too) on these records, under the records' names.

    Names meet as in the analysis: 1 is chr1, NC_000913 is NC_000913.3. A part of unknown strand, or of a pseudogene,
    has no reading frame. Raises InputError naming the line that is wrong, or when nothing lies on the records.
    """
    with open_data(Path(path)) as stream:
        data = plain_text(stream.read(), str(path))
    if data[:64].lstrip().startswith(b"LOCUS "):
        raise InputError(f"{path}: is a GenBank file; give the annotation as GFF3, GTF or BED")
    features, notes = line_features(data, str(path))
    for note in notes:
        print(f"warning: {note}", file=sys.stderr)
    coding = [each for each in features if each.kind == "CDS"]
    if not coding:
        raise InputError(f"{path}: holds no CDS line; give the GFF3 annotation of the sequence")
    theirs, ours = dict.fromkeys(each.sequence for each in features), list(dict.fromkeys(records))
    names = meeting(theirs, ours)
    if not names:
        raise InputError(of_another_genome(str(path), theirs, ours))
    parts: dict[str, list[CodingPart]] = defaultdict(list)
    for each in coding:
        if each.sequence in names:
            unread = each.pseudo or each.strand == "."
            forward = None if unread else each.strand == "+"
            parts[names[each.sequence]].append(CodingPart(each.start, each.end, forward, max(0, each.phase)))
    if not parts:
        raise InputError(f"{path}: no CDS line lies on {some(ours)}; give the annotation of these sequences")
    return dict(parts)
