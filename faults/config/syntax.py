"""What YAML's parser says of a file that is not YAML, in plain words."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml
from yaml.reader import ReaderError

from .problem import Place


class Slip(NamedTuple):
    """A slip of the pen: where, what, and how it is written right."""

    place: Place
    message: str
    hint: str


class _Row(NamedTuple):
    """What the parser says (context, `|`, problem), and what we say; `{n}` are its groups, `{line}` where it began."""

    says: str
    message: str
    hint: str
    at_start: bool = False


_QUOTE = "a value that begins with it needs quotes"
_ROWS = (
    _Row(
        r".*found character '\\t'.*",
        "a tab, where YAML wants spaces",
        "indent with spaces; a tab within text is fine",
    ),
    _Row(r".*found character (.*) that cannot start any token", "nothing can begin with {1}", _QUOTE),
    _Row(
        r"while scanning an alias\|.*",
        "a * without quotes is a YAML alias",
        'put quotes around a name that begins with *: "*"',
        at_start=True,
    ),
    _Row(
        r"while scanning an anchor\|.*",
        "a & without quotes is a YAML anchor",
        "a value that begins with & needs quotes",
    ),
    _Row(r"while (?:scanning|parsing) a (tag|directive)\|.*", "a YAML {1} that cannot be read", "leave it out"),
    _Row(
        r"while scanning a quoted scalar\|found unexpected (end of stream|document separator)",
        "a quote that is never closed",
        "close it at the end of the text",
        at_start=True,
    ),
    _Row(
        r"while scanning a double-quoted scalar\|found unknown escape character '(.*)'",
        "\\{1} is not an escape within double quotes",
        "use single quotes, or write \\\\ for one \\",
    ),
    _Row(
        r"while scanning a double-quoted scalar\|.*",
        "an escape that is not complete",
        "use single quotes, or write \\\\ for one \\",
    ),
    _Row(
        r"while scanning a simple key\|.*",
        "a line that is neither a key with ':' nor a list item with '- '",
        "write it like key: value",
        at_start=True,
    ),
    _Row(
        r".*mapping values are not allowed here",
        "a ':' that does not fit here",
        "look for a ':' missing in the line above, for the indentation, and for text with ': ', which needs quotes",
    ),
    _Row(
        r".*sequence entries are not allowed here",
        "a list item ('- ') cannot begin here",
        "write each item on a line of its own",
    ),
    _Row(r".*mapping keys are not allowed here", "a '? ' cannot begin here", "text that begins with ? needs quotes"),
    _Row(
        r"while parsing a block (mapping|collection)\|expected <block end>, but found .*",
        "the indentation, or the end of the line above, does not fit here",
        "keys and '- ' that belong together begin in one column; here they do since line {line}",
    ),
    _Row(
        r"while parsing a flow (mapping|sequence)\|expected ',' or '(.)', but got '<(?:stream end|document .*)>'",
        "a bracket that is never closed",
        "a {2} is missing",
        at_start=True,
    ),
    _Row(
        r"while parsing a flow (mapping|sequence)\|expected ',' or '(.)', but got '\{{'",
        "a '{{' where ',' or '{2}' is expected",
        "within {{ }} and [ ] a value with ${{NAME}} needs quotes",
    ),
    _Row(
        r"while parsing a flow (mapping|sequence)\|expected ',' or '(.)', but got .*",
        "a ',' or '{2}' is missing before this",
        "the brackets opened in line {line}; text with , : [ ] {{ }} needs quotes there",
    ),
    _Row(
        r"while parsing a (?:block|flow) node\|.*but found '(.*)'",
        "'{1}' is given where a value is expected",
        "write the value, or put quotes around text that begins like this",
    ),
)


def explain(error: yaml.YAMLError, text: str) -> Slip:
    """Say where and what is wrong, of an error of PyYAML's scanner or parser (the Python ones)."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        return Slip(
            Place(line, column),
            f"the character U+{ord(text[error.position]):04X}, which YAML does not allow",
            "delete it",
        )
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Slip(Place(), "this is not YAML", "")
    said = f"{error.context or ''}|{error.problem or ''}"
    start = error.context_mark or error.problem_mark
    for row in _ROWS:
        found = re.fullmatch(row.says.replace("{{", "{"), said, re.DOTALL)
        if found is not None:
            mark = start if row.at_start else error.problem_mark
            words = ("", *(group or "" for group in found.groups()))
            message, hint = (part.format(*words, line=start.line + 1) for part in (row.message, row.hint))
            return Slip(Place(mark.line + 1, mark.column + 1), message, hint)
    mark = error.problem_mark
    return Slip(Place(mark.line + 1, mark.column + 1), f"this is not YAML: {error.problem}", "")
