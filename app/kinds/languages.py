"""Which programming language a source is in: by the suffix of its name, else by a look at its lines."""

import re
from collections import Counter
from pathlib import Path

SUFFIXES = {
    "C": ".c .h",
    "C++": ".cc .cpp .cxx .hh .hpp .hxx",
    "C#": ".cs",
    "CSS": ".css .scss",
    "Go": ".go",
    "HTML": ".html .htm .xhtml .vue .svelte",
    "Haskell": ".hs",
    "JSON": ".json .jsonc .ipynb",
    "Java": ".java",
    "JavaScript": ".js .mjs .cjs .jsx",
    "Julia": ".jl",
    "Kotlin": ".kt .kts",
    "Lua": ".lua",
    "PHP": ".php",
    "Perl": ".pl .pm",
    "Python": ".py .pyi .pyw",
    "R": ".r",
    "Ruby": ".rb",
    "Rust": ".rs",
    "SQL": ".sql",
    "Scala": ".scala",
    "Swift": ".swift",
    "TypeScript": ".ts .tsx",
    "shell": ".sh .bash .zsh",
}
"""Language -> suffixes that decide it."""
_BY_SUFFIX = {suffix: language for language, text in SUFFIXES.items() for suffix in text.split()}
_PACKED = (".gz", ".xz")
NEAREST = {"TypeScript": "JavaScript", "C++": "C"}
"""The language whose models come nearest where none saw the language itself."""

_SIGNS = {
    "Python": (
        r"^\s*(async )?def \w+\(",
        r"^\s*class \w+(\(.*\))?:",
        r"^\s*(elif|except|with|while|for|if)\b.*:\s*(#.*)?$",
        r"^import [\w.]+( as \w+)?(, [\w.]+)*\s*$",
        r"^from [\w.]+ import ",
        r"\bself\.\w+",
        r"^\s*print\(",
        r"^@[\w.]+(\(.*\))?$",
        r"^[a-z_]\w* = [^;{]*[^;{\s]$",
    ),
    "JavaScript": (
        r"^\s*(export )?(const|let|var) [\w{\[$].*=",
        r"=>",
        r"\bfunction\b\s*\*?\s*\w*\s*\(",
        r"\w\)?\s*[!=]==\s*['\"\w]",
        r"\bconsole\.\w+\(",
        r"\brequire\(['\"]",
        r"\bmodule\.exports\b",
        r"^\s*(import|export)\b.*\bfrom ['\"]",
        r"^\s*export (default|class|function|async)\b",
        r"\b(document|window|JSON|Promise|Object|Math)\.\w+",
        r"\bnew (Map|Set|Date|Promise|Error)\(",
        r"\bthis\.\w+",
        r"\bundefined\b",
    ),
    "TypeScript": (
        r"^\s*(export )?(interface|type|enum|namespace|declare) \w+.*[={]",
        r"\w\??: (string|number|boolean|void|any|unknown)\b",
        r"\bas (string|number|const|any)\b",
        r"^\s*import type ",
    ),
    "Rust": (
        r"^\s*(pub(\(\w+\))? )?(async |unsafe |const )*fn \w+",
        r"\blet mut \w",
        r"^\s*(pub )?(impl|trait|mod|use|enum)\b.*[{;]$",
        r"->\s*(Result|Option|Self|bool|String|Vec|&|[iu]\d+)\b",
        r"\b\w+!\(",
        r"&mut ",
        r"^\s*#!?\[\w+",
        r"\w::<",
        r"^\s*pub (struct|enum)\b",
        r"=> .*[,{]$",
        r"^\s*let \w+(: [^=]+)? = .*;$",
    ),
    "C": (
        r"^\s*#\s*(include|define|ifdef|ifndef|if|endif|undef)\b",
        r"^(static |const |unsigned |extern |inline |struct )*(int|void)[\s*]+\w+\s*\(",
        r"^(char|double|float|size_t|long|bool|u?int\d+_t)[\s*]+\w+\s*\(",
        r"\bs?n?f?printf\(",
        r"^(typedef )?(struct|enum|union)\b[^;=]*\{",
        r"\w->\w",
        r"\b(malloc|free|sizeof|memcpy|strlen)\s*\(",
        r"\bNULL\b",
        r"^\s*(const |unsigned )*(int|char|double|float|size_t|long|u?int\d+_t)[\s*]+\w+(\[\w*\])?( =.*)?;",
    ),
    "C++": (
        r"^\s*#\s*include <\w+>\s*$",
        r"\bstd::",
        r"^\s*template\s*<",
        r"\busing namespace\b",
        r"\bcout <<",
        r"^\s*(public|private|protected):",
        r"\bnullptr\b",
        r"^class \w+[^;]*\{?$",
        r"\bauto [&*]?\w+ =",
        r"\w::\w+\(",
    ),
    "Go": (
        r"^package \w+$",
        r"^func (\(\w+ \*?\w+\) )?\w+\(",
        r"\w :=",
        r"^import (\(|\")",
        r"\bfmt\.\w+\(",
        r"^type \w+ (struct|interface)\b",
        r"\bif err != nil\b",
        r"\bgo func\(",
        r"\bnil\b",
    ),
    "Java": (
        r"^\s*(public|private|protected)\b[^:]*[({;]$",
        r"^import (static )?(java|javax|org|com)\.",
        r"^package [\w.]+;$",
        r"\bSystem\.out\.",
        r"^\s*@(Override|Test|Autowired|Nullable)\b",
        r"\bfinal \w+ \w+",
        r"^\s*(String|Integer|List<.*>|Map<.*>) \w+",
    ),
    "C#": (
        r"^\s*using [\w.]+;$",
        r"^namespace [\w.]+",
        r"\bConsole\.Write",
        r"\{ get; ",
        r"\bstring \w+",
        r"^\s*(public|private|internal|protected) (static |async |override )*\w+[^:]*$",
    ),
    "SQL": (
        r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|(CREATE|ALTER|DROP) (OR REPLACE )?[A-Z]+|FROM|WHERE)\b",
        r"^\s*((INNER |LEFT |RIGHT |OUTER |CROSS )*JOIN|GROUP BY|ORDER BY|HAVING|VALUES|UNION|WITH \w+ AS)\b",
        r"^\s*\w+ (INTEGER|INT|TEXT|VARCHAR|BIGINT|SERIAL|BOOLEAN|TIMESTAMP|DATE)\b",
        r"(?i:^\s*select\b.*[*,=()].*\bfrom \w)",
        r"(?i:^\s*insert into \w.*\()",
        r"(?i:^\s*update \w+ set \w+ *=)",
        r"(?i:^\s*delete from \w+ where\b)",
        r"(?i:^\s*create table \w)",
        r"(?i:^\s*alter table \w)",
        r"(?i:^\s*where \w+[\w.]* *[=<>])",
        r"(?i:^\s*group by \w.*;$)",
        r"(?i:^\s*order by \w.*;$)",
    ),
    "shell": (
        r"^#!.*\b(ba|z|k|da)?sh\b",
        r"^\s*(fi|done|esac)\b",
        r";\s*(then|do)$",
        r"^\s*(echo|export|local|source|sudo|cd|mkdir|rm|grep)\b [\"'$/\w-]",
        r"\$\{\w",
        r"\$\(",
        r"^\s*set -[a-z]+",
        r"^\s*[A-Z_]+=\S*$",
        r"^\s*(if|elif|while) \[",
    ),
    "HTML": (
        r"(?i:<!doctype html)",
        r"(?i:</(html|head|body|div|p|span|a|ul|li|table|tr|td|script|h[1-6])>)",
        r"(?i:^\s*<(html|head|body|div|p|span|script|meta|link|ul|li|table|img|br|h[1-6])\b)",
    ),
    "CSS": (
        r"^\s*[.#@:]?[\w*-][^{}();=]*\{\s*$",
        r"^\s*[a-z-]+:\s*[^;{}]+;\s*$",
        r"^[.#]?[\w-]+ \{ [a-z-]+:",
    ),
    "JSON": (
        r"^\s*\"[^\"]*\":\s",
        r"^\s*[\[{]\s*\"[^\"]*\":",
    ),
    "Perl": (
        r"^\s*(my|our|local) [$@%(]",
        r"^\s*sub \w+",
        r"^use (strict|warnings|[A-Z]\w+)",
        r"\$\w+->",
        r"^\s*(die|print|return) [^;]*\$\w",
        r"^__END__",
    ),
    "PHP": (
        r"<\?php",
        r"^\s*\$\w+ = ",
        r"\$this->",
        r"^\s*echo \$",
        r"\bfunction \w+\(\$",
    ),
    "Ruby": (
        r"^\s*end$",
        r"^\s*def [\w.]+[?!]?(\(.*\))?$",
        r"^\s*(puts|require|require_relative|attr_\w+) ",
        r"^\s*(class|module) [A-Z]\w*( < \w+)?$",
        r"\bdo \|\w",
    ),
}
"""Language -> what only its lines, or its lines more than others', look like."""
_COMPILED = {language: re.compile("|".join(signs)) for language, signs in _SIGNS.items()}
_EXTENDS = {"TypeScript": "JavaScript", "C++": "C"}
"""A language that has all signs of another one, and some of its own."""
_EXTRA = 0.02
"""Share of the lines with signs of its own from which on it is that one."""
_REMARKS = re.compile(r"/\*.*?\*/|\"\"\".*?\"\"\"|'''.*?'''|<!--.*?-->", re.DOTALL)
_REMARK_LINE = re.compile(r"^\s*(//|\*|--|#(?!\s*(include|define|if|ifdef|ifndef|endif|undef)\b|!|!?\[))")
ENOUGH = 0.15
"""Share of the lines that must look like the language; in prose a line does now and then."""
LEAST = 0.02
"""The same for what is known to be source code."""


def by_name(name: str) -> str:
    """The language that the suffix decides (.gz or .xz after it does not count), or ""."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes if suffix.lower() not in _PACKED]
    return _BY_SUFFIX.get(suffixes[-1], "") if suffixes else ""


def by_lines(text: str, enough: float = ENOUGH) -> str:
    """The language that most lines look like, or "" where fewer than the share `enough` look like any.

    Remarks are left out.
    """
    lines = [line for line in _REMARKS.sub("", text).splitlines() if line.strip()]
    lines = [line for line in lines if not _REMARK_LINE.search(line)]
    found = Counter(
        {name: sum(bool(sign.search(line)) for line in lines) for name, sign in _COMPILED.items()}
    )
    for more, base in _EXTENDS.items():
        if found[more] > _EXTRA * len(lines):
            found[more] += found[base]
    language, count = max(found.items(), key=lambda each: each[1], default=("", 0))
    return language if count and count >= enough * len(lines) else ""
