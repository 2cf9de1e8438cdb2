"""Names of sequences in an annotation and in the input: when they mean the same."""

import re
from collections.abc import Iterable, Sequence

_BANKS = {"ref", "gb", "emb", "dbj", "tpg", "tpe", "tpd", "lcl", "gnl", "gpp", "nat"}


def alias(name: str) -> str:
    """One spelling for the usual names of one sequence: without `chr` and the version; MT for M.

    Of an archive's old form, gi|1234|ref|NC_000001.1|, the accession.
    """
    name = re.sub(r"\.\d+$", "", _accession(name))
    short = re.sub(r"^chr(omosome)?_?(?=.)", "", name, flags=re.IGNORECASE)
    return {"M": "MT", "Mito": "MT"}.get(short, short)


def meeting(theirs: Iterable[str], ours: Sequence[str]) -> dict[str, str]:
    """Annotation's name -> input's name: equal, else by alias where that is not ambiguous."""
    known = set(ours)
    found = {name: name for name in theirs if name in known}
    taken, by_alias = set(found), {}
    for name in ours:
        if name not in taken:
            by_alias.setdefault(alias(name), []).append(name)
    for name in theirs:
        if name not in found and len(by_alias.get(alias(name), ())) == 1:
            [found[name]] = by_alias.pop(alias(name))
    return found


def some(names: Iterable[str]) -> str:
    """The first three names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def of_another_genome(shown: str, theirs: Iterable[str], ours: Iterable[str]) -> str:
    """What to say when no name of the annotation meets one of the input."""
    return (
        f"{shown}: is of another genome: its sequences are {some(theirs)}, the input's are {some(ours)}; "
        "give the annotation of these sequences"
    )


def _accession(name: str) -> str:
    parts = [part for part in name.split("|") if part]
    if len(parts) > 2 and parts[0] == "gi":
        parts = parts[2:]
    if len(parts) > 1 and parts[0] in _BANKS:
        return parts[2] if parts[0] == "gnl" and len(parts) > 2 else parts[1]
    return name
