"""Tokens and nodes of source in any language that tree-sitter has a grammar for, as reference units."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import get_args

import numpy as np

from analysis.references.units import Cut
from hnet_core.errors import InputError

KINDS = ("tokens", "nodes")


def tree_units(language: str, kind: str = "tokens") -> Cut:
    """A reference segmenter of one language.

    kind  tokens: the leaves of the syntax tree; nodes: wherever a named node starts
    White space before a unit is of the unit before. Source with mistakes is cut as far as it is understood; an input of
    which nothing is, is refused.
    """
    if kind not in KINDS:
        raise ValueError
    pack = _pack()
    names = get_args(pack.SupportedLanguage)
    if language not in names:
        near = get_close_matches(language.lower(), names, n=3) or [
            "c",
            "java",
            "javascript",
            "python",
            "rust",
        ]
        raise InputError(
            f"ref:tree-sitter:{language}: there is no grammar of that name among {len(names)}; there are "
            f"{', '.join(near)} and others"
        )

    def cut(data: bytes) -> np.ndarray:
        root = pack.get_parser(language).parse(data).root_node
        if root.type == "ERROR":
            raise InputError(
                f"the input is not {language}: no part of it is understood; give such source, or another segmenter"
            )
        found = (each.start_byte for each in _nodes(root) if _is_unit(each, kind))
        starts = np.unique(np.fromiter(found, np.int64))
        return starts[starts < len(data)]

    return cut


def _pack():
    try:
        import tree_sitter_language_pack as pack

        pack.SupportedLanguage  # noqa: B018 - what a package of another make lacks
    except (ImportError, AttributeError) as err:
        raise InputError(
            "ref:tree-sitter needs its grammars; install them with: pip install '.[code]'"
        ) from err
    return pack


def _is_unit(node, kind: str) -> bool:
    is_there = node.end_byte > node.start_byte
    return is_there and (node.is_named if kind == "nodes" else node.child_count == 0)


def _nodes(root) -> Iterator:
    """All nodes, however deep."""
    cursor = root.walk()
    while True:
        yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
