"""The JSON Schema of a configuration file, for editors: derived from the fields of the settings, strict.

What a schema cannot see (that a key means a proxy, that names differ, what a variable holds) is for `parse()` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

import msgspec
from msgspec import inspect

from ...wire.address import NO_DRIVERS
from ...wire.protocol import Key
from ...wire.protocols import known
from ..callers import CALLER_KEYS
from ..catalogue import CATALOGUE
from ..fault import Fault, opening_line
from ..profile import Start
from ..settings import plain
from ..settings.names import LONGEST
from ..settings.units import UNITS, Quota, Unit
from ..spec import Streams, match_keys, trigger_keys
from ..trigger import Trigger
from .file import SEEDS, Config
from .proxy_section import ProxyEntry
from .template import FIELDS
from .verify_section import Availability, Probe

Schema = dict[str, object]

_NULL: Schema = {"type": "null"}
_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST}
_VARIABLE: Schema = {"$ref": "#/$defs/variable"}
_INJECTIONS: Schema = {"type": "array", "items": {"$ref": "#/$defs/injection"}}
_SEED: Schema = {"type": "integer", "minimum": SEEDS[0], "maximum": SEEDS[-1]}
_PROCESS: Schema = {"type": "integer", "minimum": 0}
_PORT: Schema = {"type": "integer", "minimum": 0, "maximum": 65535}

_UNTOLD: Schema = {"type": "object", "properties": {"fault": _VARIABLE}, "required": ["fault"]}
"""An injection whose fault is a variable."""


def schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a configuration file."""
    seed, proxies, profiles, strict, env, verify = (_about(field) for field in _fields(Config)[1:])
    by_fault = {f"fault-{name}": _injection(fault) for name, fault in CATALOGUE.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Brownout",
        "description": "Proxies, and profiles of what goes wrong on them.",
        **_closed(
            {
                "seed": {**seed, **_any(_SEED, _NULL, _VARIABLE)},
                "proxies": {**proxies, **_any(_named(_any(_upstream(), _proxy(), _VARIABLE)), _NULL)},
                "env": {**env, **_any(_variables(), _NULL)},
                "profiles": {**profiles, **_any(_named(_profile()), _NULL)},
                "strict": {**strict, **_any({"type": "boolean"}, _NULL, _VARIABLE)},
                "verify": {"description": verify["description"], **_any(_verify(), _NULL)},
            }
        ),
        "$defs": {
            "injection": _any(_short(), *(_ref(name) for name in by_fault), _VARIABLE, _UNTOLD),
            **by_fault,
            **{_unit_name(unit): _quantity(unit) for unit in UNITS},
            "variable": {
                "description": "From the environment: ${NAME} or ${NAME:-default}.",
                "type": "string",
                "pattern": r"\$\{",
            },
        },
    }


def _proxy() -> Schema:
    upstream, listen, enabled = _fields(ProxyEntry)[1:]
    return _closed(
        {
            "upstream": {**_about(upstream), **_any(_upstream(), _VARIABLE)},
            "listen": {**_about(listen), **_any(_TEXT, _PORT, _NULL)},
            "enabled": _setting(enabled),
        },
        required=["upstream"],
    )


def _upstream() -> Schema:
    schemes = "|".join(_any_case(scheme) for scheme in known())
    unix, none = _any_case("unix"), "|".join(_any_case(word) for word in NO_DRIVERS)
    driver = rf"\+(?!(?:{none}):)[A-Za-z][A-Za-z0-9_]*"  # or +unix
    others = rf"[A-Za-z][A-Za-z0-9.-]*(?:{driver})?://.*:[0-9]+"
    return {"type": "string", "pattern": rf"^(?:{unix}://|(?:{schemes})(?:{driver})?://|{others}|(?!.*://).*:[0-9]+$)"}


def _variables() -> Schema:
    fields = "|".join(FIELDS)
    template: Schema = {"type": "string", "pattern": rf"\{{[^{{}}]+\.(?:{fields})\}}"}
    return {
        "type": "object",
        "propertyNames": {"pattern": "^(?!BROWNOUT_)[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": _any(template, _NULL),
    }


def _verify() -> Schema:
    command = _any(_TEXT, {"type": "array", "items": _TEXT}, _NULL)
    probe = _closed({field.encode_name: _setting(field) for field in _fields(Probe)}, required=["url"])
    words: Schema = {"type": "array", "items": _TEXT}
    level: Schema = {"enum": list(get_args(Availability))}
    return _closed(
        {
            "command": {"description": "The command, if none is given after --.", **command},
            "journeys": {"description": "What is run instead of tests.", **_any(_each(_any(probe, command)), _NULL)},
            "failures": {"description": "Only these failures of a dependency.", **_any(_each(words), _NULL)},
            "expect": {"description": "How a journey may fare under it.", **_any(_each(level), _NULL)},
        }
    )


def _each(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _profile() -> Schema:
    about: Schema = {"description": "What it is for; or a proxy of that name.", **_any(_TEXT, _NULL, _INJECTIONS)}
    clock: Schema = {
        "description": "From when start and for count, if `brownout run` places it at launch.",
        **_any({"enum": list(get_args(Start))}, _NULL, _VARIABLE, _INJECTIONS),
    }
    return {
        "type": "object",
        "propertyNames": _NAME,
        "properties": {"description": about, "clock": clock},
        "additionalProperties": _INJECTIONS,
    }


def _injection(fault: type[Fault]) -> Schema:
    settings, triggers = _fields(fault), _fields(Trigger)
    common: dict[str, Schema] = {
        "name": {
            "description": "Its name (default: the fault's).",
            **_any({"type": "string", "maxLength": LONGEST}, _NULL, _VARIABLE),
        }
    }
    if fault.streams is None:
        choices: Schema = {"enum": list(get_args(Streams))}
        common["stream"] = {"description": "Where it acts.", "default": "downstream", **_any(choices, _NULL, _VARIABLE)}
    if keys := match_keys(fault):
        common["match"] = {"description": "Hit only these requests. All keys must fit.", **_any(_match(keys), _NULL)}
    common["caller"] = {
        "description": "Hit only connections of these callers. All keys must fit.",
        **_any(_caller(), _TEXT, _PROCESS, _NULL),
    }
    return {
        "description": opening_line(fault),
        **_closed(
            {
                "fault": {"const": fault.name},
                **{field.encode_name: _setting(field) for field in settings},
                **common,
                **{
                    field.encode_name: _setting(field) for field in triggers if field.encode_name in trigger_keys(fault)
                },
            },
            required=["fault", *_required(fault)],
        ),
    }


def _match(keys: Iterable[Key]) -> Schema:
    patterns = {key: {"description": key.meaning, "type": ["string", "integer", "boolean", "null"]} for key in keys}
    return {
        "type": "object",
        "properties": {key.name: pattern for key, pattern in patterns.items() if not key.family},
        "patternProperties": {f"^{re.escape(key.family)}.": each for key, each in patterns.items() if key.family},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _caller() -> Schema:
    keys = {
        key: {"description": meaning, "type": ["string", "integer", "null"]} for key, meaning in CALLER_KEYS.items()
    }
    return {"type": "object", "properties": keys, "additionalProperties": False, "minProperties": 1}


def _short() -> Schema:
    """Return the pattern of short forms: a fault, and the value of its first setting."""
    forms = []
    for name, fault in CATALOGUE.items():
        settings, required = _fields(fault), _required(fault)
        value = rf"\s*:\s*(?:{_pattern(settings[0].type)})" if settings else ""
        if required in ([], [field.encode_name for field in settings[:1]]):
            forms.append(re.escape(name) + (value if required or not value else f"(?:{value})?"))
    return {
        "description": "A fault, or FAULT:VALUE, which sets its first setting.",
        "type": "string",
        "pattern": rf"^\s*(?:{'|'.join(forms)})\s*$",
    }


# Fields.


def _fields(struct: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType | inspect.NamedTupleType)
    return info.fields


def _required(fault: type[Fault]) -> list[str]:
    return [field.encode_name for field in _fields(fault) if field.required]


def _setting(field: inspect.Field) -> Schema:
    """Return the schema of a setting: what it may be, nothing where it has a default, or a variable."""
    return {**_about(field), **_any(*_choices(field.type), *([] if field.required else [_NULL]), _VARIABLE)}


def _about(field: inspect.Field) -> Schema:
    """Return a field's description, and its default where there is one to speak of."""
    absent = field.required or field.default in (None, msgspec.NODEFAULT) or isinstance(field.default, dict)
    told = [each.extra_json_schema or {} for each in _members(field.type) if isinstance(each, inspect.Metadata)]
    return {**(told[0] if told else {}), **({} if absent else {"default": plain(field.default)})}


def _members(declared: inspect.Type) -> list[inspect.Type]:
    """Return a type and what it is made of, from the outside in."""
    if isinstance(declared, inspect.Metadata):
        return [declared, *_members(declared.type)]
    if isinstance(declared, inspect.UnionType):
        return [declared, *(inner for member in declared.types for inner in _members(member))]
    return [declared]


def _choices(declared: inspect.Type) -> list[Schema]:
    found: list[Schema] = []
    for each in _members(declared):
        if isinstance(each, inspect.CustomType | inspect.NamedTupleType):
            found.append(_ref(_unit_name(each.cls)) if each.cls in UNITS else {})
        elif isinstance(each, inspect.LiteralType):
            found.append({"enum": [*each.values, *(int(str(value)) for value in each.values if str(value).isdigit())]})
        elif isinstance(each, inspect.BoolType):
            found.append({"type": "boolean"})
        elif isinstance(each, inspect.IntType):
            bounds = {"minimum": each.ge, "maximum": each.le}
            found.append({"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}})
        elif isinstance(each, inspect.StrType):
            found.append(_TEXT)
        elif isinstance(each, inspect.DictType):
            found += [{"type": "object", "additionalProperties": _any(*_choices(each.value_type))}, _TEXT]
        elif isinstance(each, inspect.VarTupleType | inspect.ListType):
            found += [{"type": "array", "items": _any(*_choices(each.item_type))}, _TEXT]
    return found


def _pattern(declared: inspect.Type) -> str:
    """Return the regular expression of a value as text."""
    for each in _members(declared):
        for unit in UNITS:
            if isinstance(each, inspect.CustomType | inspect.NamedTupleType) and each.cls is unit:
                return unit.pattern()
        if isinstance(each, inspect.IntType):
            return "[0-9]+"
        if isinstance(each, inspect.LiteralType):
            return "|".join(re.escape(str(value)) for value in each.values)
    return ".+"


def _quantity(unit: type[Unit]) -> Schema:
    text: Schema = {"type": "string", "pattern": rf"^\s*(?:{unit.pattern()})\s*$"}
    choices: Schema = text if unit is Quota else _any(text, {"const": 0})
    return {"description": (unit.__doc__ or "").strip().split("\n")[0], **choices}


def _unit_name(unit: type) -> str:
    return unit.__name__.lower()


# Pieces.


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _any(*choices: Schema) -> Schema:
    return {"anyOf": list(choices)}


def _named(values: Schema) -> Schema:
    return {"type": "object", "propertyNames": _NAME, "additionalProperties": values}


def _closed(properties: dict[str, Schema], required: Iterable[str] = ()) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _any_case(word: str) -> str:
    return "".join(f"[{char}{char.upper()}]" if char.isalpha() else char for char in word)
