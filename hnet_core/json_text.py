"""JSON that people bring: whatever is wrong with it is one kind of error."""

import json
from typing import Any


def parsed(data: bytes | str) -> Any:
    """The value that JSON says; bytes may begin with a byte order mark. Raises ValueError for whatever is no JSON."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
