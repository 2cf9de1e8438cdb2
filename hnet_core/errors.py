"""The errors a person can cause. Each message is one line: where, what was given, what is allowed, what to do."""

LONGEST = 1000
"""Characters of a message. What messages repeat may be of any length: a name of a megabyte, a number of digits."""


def one_line(text: str) -> str:
    """A message as terminals and pages can show it: one line, of bounded length, cut in its middle.

    What is not printable (control characters, halves of surrogate pairs) shows as an escape.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[5 - LONGEST // 2 :]}"
    line = " ".join(text.split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class HNetError(Exception):
    """Base of every error that is shown to a person as it stands."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(HNetError):
    """The data to read is missing, empty or not what it claims to be."""


class ConfigError(HNetError):
    """A configuration is contradictory, unknown or beyond what can be built."""


class CheckpointError(HNetError):
    """A model folder or checkpoint is missing, damaged, unsafe or does not fit its configuration."""
