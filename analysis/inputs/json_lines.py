"""Many texts in one file: JSON lines, each an object with its text under "text"."""

from analysis.inputs.sources import MAX_BYTES, Sequence, Source, read_bytes, source_name
from hnet_core.errors import InputError
from hnet_core.json_text import parsed


def read_json_lines(source: Source, name: str | None = None, max_bytes: int = MAX_BYTES) -> list[Sequence]:
    """A text a line, named after the file and the line; plain, .gz or .xz. Empty texts and lines are left out.

    Raises InputError with the line for what is no such object.
    """
    shown = source_name(source, name, "texts")
    sequences = []
    for number, line in enumerate(read_bytes(source, shown, max_bytes).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            text = parsed(line)["text"]
            data = text.encode("utf-8", "surrogatepass")
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise InputError(
                f"{shown}, line {number}: {line[:40].decode('utf-8', 'backslashreplace')!r} is not an object with a "
                'text under "text"; give JSON lines, or --type text to read the file as it is'
            ) from err
        if data:
            sequences.append(Sequence(f"{shown}:{number}", data))
    if not sequences:
        raise InputError(f"{shown}: holds no text; give a line for each")
    return sequences
