"""Settings: frozen structs whose fields are the YAML, the JSON, the options of the command line and the docs.

`convert()` turns a mapping into a struct and reports every wrong key at once, each with what would be right.
"""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Literal, NamedTuple, Self, TypeVar, Union, get_args, get_origin

import msgspec

from ...wire.errors import BrownoutError, cut
from .composite import COMPOSITES, Composite
from .renamed import new_name
from .units import UNITS, Duration, Unit


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A base for settings; text is read as a quantity where one is due, a bare number refused."""

    def __post_init__(self) -> None:
        """Turn text into quantities. Raises UnitError."""
        for field in _declared(type(self)):
            unit = _unit_of(field.type)
            value = getattr(self, field.name)
            if unit is not None and value is not None and not isinstance(value, unit):
                msgspec.structs.force_setattr(self, field.name, _read_unit(unit, value))

    def changed(self, values: Mapping[str, object], *, text: bool = False, also: Iterable[str] = ()) -> Self:
        """Return these settings with some values changed. Raises SettingsError."""
        return _read(type(self), {**_marked(dict(self._items()), text=False), **_marked(values, text=text)}, also)

    def to_mapping(self) -> dict[str, object]:
        """Return what differs from the defaults, quantities as text: `convert()` makes the same settings of it."""
        defaults = {field.encode_name: field.default for field in _declared(type(self))}
        return {key: plain(value) for key, value in self._items() if value != defaults[key]}

    def _items(self) -> Iterable[tuple[str, object]]:
        return [(field.encode_name, getattr(self, field.name)) for field in _declared(type(self))]


@functools.cache
def _declared(struct: type[Settings]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of a struct: msgspec works out their types each time, which takes 90 us."""
    return msgspec.structs.fields(struct)


class Problem(NamedTuple):
    """One thing that is wrong in a mapping of settings: the key, what was found, what would be right."""

    key: str
    message: str
    hint: str = ""


class SettingsError(BrownoutError):
    """A mapping that cannot be read; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = [Problem(*map(cut, problem)) for problem in problems]
        super().__init__(
            "; ".join(problem.message for problem in self.problems),
            "; ".join(dict.fromkeys(problem.hint for problem in self.problems if problem.hint)),
        )


MOST_SETTINGS = 64
"""How many settings may be given at once."""
LARGEST = 2**53
"""The largest whole number: JSON's readers disagree on larger ones."""
DEEPEST = 100
"""How many levels the lists and mappings of a setting may have."""
_LONGEST_NAME = 100
"""The longest name for which a similar one is sought."""

S = TypeVar("S", bound=Settings)


class Field(NamedTuple):
    """A setting as the docs and the command line show it."""

    name: str
    type: str
    default: str
    required: bool
    meaning: str


def fields(struct: type[Settings]) -> list[Field]:
    """Return the settings of a struct, in the order in which they were written."""
    return [
        Field(
            name=field.encode_name,
            type=_type_name(field.type),
            default="" if field.required or field.default is None else _text(field.default),
            required=field.required,
            meaning=" ".join(meta.description for meta in _metas(field.type) if meta.description),
        )
        for field in _declared(struct)
    ]


def convert(struct: type[S], values: Mapping[str, object], *, text: bool = False, also: Iterable[str] = ()) -> S:
    """Make settings of a mapping. Raises SettingsError.

    With `text` every value is text, as a command line has it. `also`: names that the user may have meant, which are
    read elsewhere.
    """
    return _read(struct, _marked(values, text=text), also)


def _read(struct: type[S], values: Mapping[str, tuple[object, bool]], also: Iterable[str]) -> S:
    if len(values) > MOST_SETTINGS:
        raise SettingsError([Problem("", f"there are {len(values)} settings", f"at most {MOST_SETTINGS}")])
    known = {field.encode_name: field for field in _declared(struct)}
    problems: list[Problem] = []
    settings: dict[str, object] = {}
    for key, (value, text) in values.items():
        if key not in known:
            problem = unknown("setting", key, [*known, *also])
            renamed = new_name(key, known)
            problems.append(problem._replace(hint=f"it is now {renamed}") if renamed else problem)
            continue
        try:
            settings[known[key].name] = _value(known[key].type, value, text=text)
        except BrownoutError as error:
            problems.append(Problem(key, f"{key}: {error.message}", error.hint))
        except msgspec.ValidationError:
            shown = _text(value) if isinstance(value, bool) else repr(value)
            problems.append(Problem(key, f"{key}: {shown} is not right", f"{key} is {_due(known[key].type)}"))
    for key, field in known.items():
        if field.required and key not in values:
            problems.append(Problem(key, f"{key} is missing", f"{key} is {_due(field.type)}"))
    if problems:
        raise SettingsError(problems)
    try:
        return struct(**settings)
    except SettingsError:
        raise
    except BrownoutError as error:
        raise SettingsError([Problem("", error.message, error.hint)]) from None


def unknown(noun: str, name: str, known: Iterable[str]) -> Problem:
    """Say that a name is unknown, with the nearest known one or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1) if len(name) <= _LONGEST_NAME else []
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}" if names else f"there is no {noun} here"
    return Problem(name, f"unknown {noun} '{name}'", hint)


def plain(value: object) -> object:
    """Return a setting's value as JSON and YAML have it."""
    if isinstance(value, timedelta):
        value = Duration.of(value)
    return str(value) if isinstance(value, UNITS) else list(value) if isinstance(value, tuple) else value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(plain(value))


def _marked(values: Mapping[str, object], *, text: bool) -> dict[str, tuple[object, bool]]:
    return {key: (value, text) for key, value in values.items()}


def _value(declared: object, value: object, *, text: bool) -> object:
    composite = _composite_of(declared)
    if isinstance(value, list | dict) and composite is None:
        found = "a list" if isinstance(value, list) else "a mapping"
        raise BrownoutError(f"{found} is given where one value is expected", "write the value alone")
    choices = [choice for part in _parts(declared) if get_origin(part) is Literal for choice in get_args(part)]
    if isinstance(value, int) and str(value) in choices:
        value = str(value)
    if choices and value not in choices:
        problem = unknown("choice", str(value), choices)
        raise BrownoutError(f"'{value}' is not one of {', '.join(choices)}", problem.hint)
    if text and bool in _parts(declared) and value not in ("true", "false"):
        raise BrownoutError(f"'{value}' is not a switch", "write true or false")
    if text and type(None) in _parts(declared) and value in ("none", "null"):
        return None
    unit = _unit_of(declared)
    if isinstance(value, bool) and unit is not None:
        raise msgspec.ValidationError("a switch is not a quantity")
    if unit is not None and (value is not None or type(None) not in _parts(declared)):
        return _read_unit(unit, value)
    if composite is not None and isinstance(value, str):
        value = composite.read(value)
    if composite is not None and _is_deep(value):
        raise BrownoutError(f"it has more than {DEEPEST} levels", "write fewer lists and mappings within each other")
    converted = msgspec.convert(value, declared, strict=not text)
    if isinstance(converted, int) and abs(converted) > LARGEST:
        raise BrownoutError(f"{converted} is too large", f"at most {LARGEST}")
    return converted


def _is_deep(value: object) -> bool:
    """Say whether lists and mappings have too many levels to be written again."""
    level = [value]
    for _ in range(DEEPEST):
        level = [each for outer in level for each in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def proposals(struct: type[Settings], key: str, text: str) -> tuple[str, ...]:
    """Return how a value may be written whose unit is missing; empty for another mistake, or another kind of value."""
    declared = {field.encode_name: field.type for field in _declared(struct)}
    unit = _unit_of(declared.get(key))
    return () if unit is None else unit.proposals(text)


def _read_unit(unit: type[Unit], value: object) -> Unit:
    if isinstance(value, unit):
        return value
    if isinstance(value, timedelta) and unit is Duration:
        return Duration.of(value)
    if isinstance(value, str) or (value == 0 and not isinstance(value, bool)):
        return unit.parse(str(value))
    raise unit.without_unit(value)


def _parts(declared: object) -> list[object]:
    """Return the members of a declared type: of `Annotated[X | None, ...]` X and NoneType."""
    origin = get_origin(declared)
    if origin is Annotated:
        return _parts(get_args(declared)[0])
    if origin in (Union, types.UnionType):
        return [inner for member in get_args(declared) for inner in _parts(member)]
    return [declared]


def _unit_of(declared: object) -> type[Unit] | None:
    return next((part for part in _parts(declared) if isinstance(part, type) and issubclass(part, UNITS)), None)


def _composite_of(declared: object) -> Composite | None:
    return next((COMPOSITES[part] for part in _parts(declared) if part in COMPOSITES), None)


def _type_name(declared: object) -> str:
    if composite := _composite_of(declared):
        return composite.noun
    part = next(part for part in _parts(declared) if part is not type(None))
    if get_origin(part) is Literal:
        return " | ".join(map(str, get_args(part)))
    name = part.__name__.lower() if isinstance(part, type) else str(part)
    return {"int": "number", "str": "text", "bool": "true | false"}.get(name, name)


def _due(declared: object) -> str:
    """Say what a value must be: `a duration`, `a number, 1 or more`."""
    if composite := _composite_of(declared):
        return composite.due
    noun = _type_name(declared)
    least = [_within(meta) for meta in _metas(declared) if meta.ge is not None]
    article = "" if noun == "text" else "a "
    return (f"{article}{noun}" if noun.isalpha() else noun.replace(" | ", " or ")) + "".join(least)


def _within(meta: msgspec.Meta) -> str:
    return f", {meta.ge} or more" if meta.le is None else f" from {meta.ge} to {meta.le}"


def _metas(declared: object) -> list[msgspec.Meta]:
    if get_origin(declared) in (Union, types.UnionType):
        return [meta for member in get_args(declared) for meta in _metas(member)]
    annotations = get_args(declared)[1:] if get_origin(declared) is Annotated else ()
    return [meta for meta in annotations if isinstance(meta, msgspec.Meta)]
