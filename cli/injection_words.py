"""The words of `inject`: what they mean, and the line to type where they do not say it.

PROXY FAULT [KEY=VALUE]...        latency latency=300ms
                                  latency:300ms, latency=300ms, latency 300ms: VALUE is of its first setting
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import click

from ..faults.catalogue import CATALOGUE, PLUGINS, find
from ..faults.exchange import ExchangeFault
from ..faults.fault import Fault
from ..faults.settings import Field, Problem, SettingsError, fields, proposals
from ..faults.spec import Spec, from_short, match_keys
from ..faults.synonyms import fault_of, meant
from ..faults.trigger import TRIGGER_KEYS, Trigger
from ..wire.errors import BrownoutError
from ..wire.protocols import AUTO, canonical
from . import complete
from .errors import CombinedError, parts
from .options import pairs
from .typed import Change, Typed, keep, refusal

PROXY = "PROXY"
"""What stands for a proxy that nobody has named."""
_EXAMPLES = {"duration": "300ms", "size": "1KB", "rate": "100KB/s", "share": "10%", "number": "10", "status": "503"}
"""Values to begin with, by the type of a setting or its name."""
_WORD = re.compile(r"([^:=]*)(?:[:=](.*))?", re.DOTALL)


class Inject(click.Command):
    """The command `inject`: what click finds wrong with its words is said with the line to type."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words. Raises BrownoutError."""
        if args == ["help"]:
            args = ["--help"]
        typed = keep(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            found = _option(typed, error.option_name)
            if found is None:
                raise
            raise found from None
        except click.MissingParameter:
            if ctx.params.get("fault") is None:
                raise _missing(typed, ctx.params.get("proxy"), lambda: _some_proxy(ctx)) from None
            raise


class InjectionWords(NamedTuple):
    """FAULT and the words behind it, and all that was typed."""

    typed: Typed
    proxy: str
    fault: str
    settings: tuple[str, ...]

    def given(self, spoken: Callable[[str], str]) -> tuple[type[Fault], dict[str, str]]:
        """Return the fault, and what was set of it. Raises BrownoutError with the line to type.

        `spoken` tells the protocol of a proxy, and is asked only where something is wrong.
        """
        name, value = _split(self.fault)
        try:
            kind = find(name)
        except SettingsError as error:
            raise self._unknown(name, value, error, spoken) from None
        own = fields(kind)
        given: dict[str, str] = {"fault": name}
        if value is not None and not own:
            raise refusal(f"{name} has no settings", "write it alone", [self._line(self.fault, name)])
        first = own[0].name if own else ""
        settings = list(self.settings)
        if value is None and first and settings and "=" not in settings[0]:
            value = settings.pop(0)
        if value is not None:
            given[first] = value
        for key, text in self._pairs(settings, kind, given).items():
            if key in given:
                raise BrownoutError(f"{key} is given twice: '{given[key]}' and '{text}'", "give it once")
            given[key] = text
        return kind, given

    def explained(self, error: SettingsError, kind: type[Fault], given: Mapping[str, str]) -> BrownoutError:
        """Return an error with the line that would have been right, where all that is wrong has a remedy."""
        remedies = [self._remedies(problem, kind, given) for problem in error.problems]
        if not all(remedies):
            return error
        chosen = [(found,) for found in remedies[0]] if len(remedies) == 1 else [tuple(each[0] for each in remedies)]
        *others, last = parts(error)
        lines = [self.typed.line(changes) for changes in chosen]
        return CombinedError([*others, refusal(last.message, last.hint, lines)])

    def on_all(self, error: BrownoutError, everywhere: str) -> BrownoutError:
        """Return what is wrong with a word for all proxies."""
        return refusal(error.message, f"'{everywhere}' is every proxy", [self._line(self.proxy, everywhere)])

    def _pairs(self, words: Sequence[str], kind: type[Fault], given: Mapping[str, str]) -> dict[str, str]:
        own = fields(kind)
        free = [field.name for field in own if field.name not in given and f"{field.name}=" not in "".join(words)]
        for word in words:
            if "=" not in word and free:
                raise refusal(f"'{word}' is not a setting", "name the setting", [self._line(word, f"{free[0]}={word}")])
        found = pairs(tuple(words), f"{own[0].name}=VALUE" if own else "probability=30%")
        for key in found:
            if key.partition(".")[0] == "match":
                raise BrownoutError("match is not a setting", "write it like --match method=POST")
        return found

    def _unknown(
        self, name: str, value: str | None, error: SettingsError, spoken: Callable[[str], str]
    ) -> BrownoutError:
        """Return what is wrong with a word that is no fault: it may be the proxy, or a word for a fault."""
        (problem,) = error.problems
        first, text = _split(self.proxy)
        if _is_fault(first):
            at, to = self.typed.words.index(self.proxy), self.typed.words.index(self.fault)
            words = (self.proxy,) if self.settings or text is not None else example(first)
            line = self.typed.line([Change(at, (self.fault,)), Change(to, words)])
            return refusal(problem.message, "the proxy comes first, then the fault", [line])
        likely = meant(name, [*CATALOGUE, *PLUGINS.names()])
        protocol = spoken(self.proxy) if likely else ""
        fitting = [each for each in likely if not protocol or _fits(each, protocol)]
        if not likely:
            return error
        if not fitting:
            wanted = f"did you mean {likely[0]}? it needs an upstream like http://HOST:PORT"
            return BrownoutError(problem.message, wanted)
        replaced = 1
        if value is None and self.settings:
            key, equals, text = self.settings[0].partition("=")
            if not equals or key == name:
                value, replaced = text if equals else key, 2
        whole = value is None and not self.settings
        found: list[Sequence[str]] = [
            example(each) if whole and each in CATALOGUE else _with(each, name, value) for each in fitting
        ]
        lines = [self._line(self.fault, *words, replaced=replaced) for words in found]
        names = " or ".join(dict.fromkeys(fault_of(each) for each in fitting))
        return refusal(problem.message, f"did you mean {names}?", lines)

    def _line(self, word: str, *instead: str, replaced: int = 1) -> str:
        return self.typed.line([Change(self.typed.words.index(word), instead, replaced)])

    def _remedies(self, problem: Problem, kind: type[Fault], given: Mapping[str, str]) -> list[Change]:
        """Return what may be changed of the words about a problem, the likeliest first; empty: nobody can say."""
        key = problem.key
        if key not in given:
            at, own = self.typed.words.index(self.fault), fields(kind)
            place, missing = next(((place, each) for place, each in enumerate(own) if each.name == key), (-1, None))
            if missing is None or not missing.required or _example(missing) is None:
                return []
            if place == 0:
                return [Change(at, (f"{kind.name}:{_example(missing)}",))]
            return [Change(at + 1, (f"{key}={_example(missing)}",), 0)]
        at, before = self._place(key, given[key], kind)
        if at < 0:
            return []
        if any(each.asked(key) is not None for each in match_keys(kind)):
            return [Change(at, ("--match", f"{key}={given[key]}"))]
        struct = Trigger if key in TRIGGER_KEYS else kind
        return [Change(at, (f"{before}{text}",)) for text in proposals(struct, key, given[key])]

    def _place(self, key: str, value: str, kind: type[Fault]) -> tuple[int, str]:
        """Return which word has the value of a key, and what stands before it in that word; -1: none has."""
        own = fields(kind)
        for number, word in enumerate(self.typed.words):
            if word in (f"{key}={value}", f"--{key}={value}"):
                return number, word.removesuffix(value)
            if word == value and self.typed.words[number - 1] == f"--{key}":
                return number, ""
        if own and own[0].name == key:
            for number, word in enumerate(self.typed.words):
                if word == value or (word == self.fault and word.endswith(value)):
                    return number, word.removesuffix(value)
        return -1, ""


def _split(word: str) -> tuple[str, str | None]:
    """Return the fault that a word names, and the value behind it."""
    found = _WORD.fullmatch(word)
    name, value = found.groups() if found else (word, None)
    return name.strip(), None if value is None else value.strip()


def example(name: str) -> tuple[str, ...]:
    """Return the words for a fault, with values for what must be set."""
    first, *rest = [f"{field.name}={_example(field)}" for field in fields(find(name)) if field.required] or [""]
    return (f"{name}:{first.partition('=')[2]}" if first else name, *rest)


def _example(field: Field) -> str | None:
    return _EXAMPLES.get(field.name) or _EXAMPLES.get(field.type)


def _is_fault(word: str) -> bool:
    return word in CATALOGUE or word in PLUGINS.names()


def _fits(text: str, protocol: str) -> bool:
    """Say whether a fault can act on a proxy that speaks a protocol."""
    kind = find(fault_of(text))
    return not issubclass(kind, ExchangeFault) or canonical(protocol) in (AUTO, canonical(kind.protocol))


def _with(text: str, word: str, value: str | None) -> list[str]:
    """Return the words for a fault, with a value that the user gave in place of the example's, if it can be that."""
    words = text.split()
    if value is None:
        return words
    found = next((number for number, each in enumerate(words) if each.startswith(f"{word}=")), 0)
    start = f"{word}=" if found else f"{fault_of(text)}:"
    changed = [*words[:found], start + value, *words[found + 1 :]]
    try:
        Spec.parse({**from_short(changed[0]), **pairs(tuple(changed[1:]), "")}, text=True)
    except BrownoutError:
        return words
    return changed


def _option(typed: Typed, option: str) -> BrownoutError | None:
    """Return what is wrong with an option that is a setting, or a key of a match."""
    key = option.lstrip("-")
    faults = [find(name) for name, _ in map(_split, typed.words) if name in CATALOGUE]
    at = next((number for number, word in enumerate(typed.words) if word.partition("=")[0] == option), -1)
    if not faults or at < 0:
        return None
    _, equals, value = typed.words[at].partition("=")
    count = 1 if equals or at + 1 == len(typed.words) else 2
    pair = f"{key}={value if equals else ''.join(typed.words[at + 1 : at + count])}"
    if any(field.name == key for field in fields(faults[0])):
        line = typed.line([Change(at, (pair,), count)])
        return refusal(f"{option} is a setting of {faults[0].name}", "a setting is written without --", [line])
    if any(each.asked(key) is not None for each in match_keys(faults[0])):
        line = typed.line([Change(at, ("--match", pair), count)])
        return refusal(f"{option} is not an option", "it is a key of a match", [line])
    return None


def _missing(typed: Typed, word: str | None, some_proxy: Callable[[], str]) -> BrownoutError:
    """Return what is wrong where there is one word, or none."""
    if word is None:
        line = typed.line([Change(len(typed.words), (some_proxy(), "latency:300ms"), 0)])
        return refusal("the proxy and the fault are missing", "to begin with", [line])
    at = typed.words.index(word)
    if _is_fault(_split(word)[0]):
        return refusal("the proxy is missing", "it comes first", [typed.line([Change(at, (some_proxy(), word))])])
    line = typed.line([Change(at, (word, "latency:300ms"))])
    return refusal("the fault is missing", "brownout faults lists them; to begin with", [line])


def _some_proxy(ctx: click.Context) -> str:
    """Return the name of a proxy that runs, or what stands for one."""
    try:
        return next((view["name"] for view in complete.client(ctx).proxies()), PROXY)
    except BrownoutError:
        return PROXY
