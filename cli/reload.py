"""Rereading the file of a run, and changing only what changed in it.

    File.read() ── difference(): what is to be done ── Reloader: does it, and says so in the journal

What was done by hand (`-p`, the API) stays: proxies that the file never named, injections that no profile of it made,
and also what was removed, disabled or healed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..faults.config.file import Config, shipped
from ..faults.config.proxy_section import ProxyEntry
from ..faults.profile import Profile
from ..proxy.record.event import Mistake, Reloaded
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from . import errors, figures
from .errors import CombinedError
from .file import File

if TYPE_CHECKING:
    from ..proxy import Fleet

PERIOD = 1.0
"""Seconds between two looks at the file."""
SETTLE = 0.2
"""Seconds that a file must stay as it is before it is read: who writes it may be halfway."""
ROUNDS = 25

DONE = (
    *(("proxy", verb) for verb in ("added", "changed", "removed")),
    *(("injection", verb) for verb in ("added", "changed", "healed")),
    ("profile", "changed"),
)
"""What a reload counts, in the order in which it says so."""

Done = Counter[tuple[str, str]]


class Steps(NamedTuple):
    """What is to be done to go from one configuration to another."""

    removed: list[str]
    changed: dict[str, ProxyEntry]
    added: list[ProxyEntry]
    dropped: list[str]
    """Applied profiles that no longer exist."""
    profiles: list[Profile]
    """Applied profiles, as they are now."""
    others: int
    """How many profiles changed that are not applied."""


def difference(
    old: Config, new: Config, *, proxies: Mapping[str, str], applied: Collection[str], shipped: Mapping[str, Profile]
) -> Steps:
    """Return what is to be done, where `proxies` (name: protocol) are there and these profiles are applied.

    Raises CombinedError: a new proxy's name is taken by hand, or an applied profile matches no proxy any more.
    """
    wrong: list[BrownoutError] = [
        ConflictError(f"there is a proxy named {name} already", f"remove it first: brownout proxy rm {name}")
        for name in new.proxies
        if name not in old.proxies and name in proxies
    ]
    added = [entry for name, entry in new.proxies.items() if name not in old.proxies]
    changed = {
        name: entry
        for name, entry in new.proxies.items()
        if name in proxies and name in old.proxies and entry != old.proxies[name]
    }
    removed = [name for name in old.proxies if name not in new.proxies and name in proxies]
    dropped = [name for name in applied if name in old.profiles and name not in new.profiles]
    known = {**shipped, **new.profiles}
    profiles = [known[name] for name in applied if name in known and name not in dropped]
    then = {name: protocol for name, protocol in proxies.items() if name not in removed}
    then |= {each.name: Address.upstream(each.upstream).protocol for each in (*added, *changed.values())}
    for profile in profiles:
        try:
            profile.resolve(then)
        except BrownoutError as error:
            wrong.append(error)
    if wrong:
        raise CombinedError(wrong)
    names = {*old.profiles, *new.profiles} - {*applied}
    others = sum(old.profiles.get(name) != new.profiles.get(name) for name in names)
    return Steps(removed, changed, added, dropped, profiles, others)


class Reloader:
    """Brings a fleet in line with its file, whenever that is asked for or, with `watch`, the file has changed."""

    def __init__(self, fleet: Fleet, file: File, config: Config, *, watch: bool = False) -> None:
        self._fleet = fleet
        self._file = file
        self._config = config
        self._watch = watch
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Ask for the file to be reread."""
        self._asked.set()

    async def run(self) -> None:
        """Reread it when asked to or when it has changed, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), PERIOD if self._watch else None)
            if self._asked.is_set():
                self._asked.clear()
                await self.reload()
            elif self._file.is_new():
                await self._settled()
                if self._file.is_new():  # it may be gone again
                    await self.reload()

    async def reload(self) -> None:
        """Reread the file. Errors in it change nothing. The journal says what was done, with the errors."""
        done: Done = Counter()
        wrong: list[BrownoutError] = []
        try:
            new = await asyncio.to_thread(self._file.read)  # a large one takes seconds
            if new != self._config:
                await self._carry_out(new, done, wrong)
        except BrownoutError as error:
            wrong.append(error)
        self._fleet.journal.write(
            Reloaded(
                "",
                file=str(self._file.path),
                done=tuple(f"{figures.many(done[noun, verb], noun)} {verb}" for noun, verb in DONE if done[noun, verb]),
                errors=tuple(Mistake(each.message, each.hint) for error in wrong for each in errors.parts(error)),
            )
        )

    async def _carry_out(self, new: Config, done: Done, wrong: list[BrownoutError]) -> None:
        fleet, old = self._fleet, self._config
        steps = difference(
            old,
            new,
            proxies=fleet.protocols,
            applied=tuple(fleet.applied),
            shipped=shipped() if fleet.applied else {},
        )
        if new.seed not in (None, old.seed, fleet.seed):
            wrong.append(BrownoutError(f"the seed stays {fleet.seed} while it runs", f"restart to use {new.seed}"))
        if new.strict != old.strict:
            wrong.append(BrownoutError("strict stays as it is while it runs", "restart to use the new one"))
        if new.env != old.env:
            wrong.append(BrownoutError("env stays as it is while it runs", "restart to use the new one"))
        fleet.profiles = new.profiles
        for name in steps.removed:
            await fleet.remove(name)
        unchanged = await self._change(steps.changed)
        silent = await fleet.add_all(steps.added, lambda: self._revise(steps, done, wrong))
        wrong += errors.named(unchanged | silent)
        done["proxy", "added"] = len(steps.added)
        done["proxy", "changed"] = len(steps.changed) - len(unchanged)
        done["proxy", "removed"] = len(steps.removed)
        done["profile", "changed"] = steps.others
        # What failed is as it was, or disabled: so the next reading tries it again.
        as_is = {name: old.proxies[name] for name in unchanged}
        as_is |= {name: new.proxies[name]._replace(enabled=False) for name in silent}
        self._config = new._replace(proxies=new.proxies | as_is)

    async def _change(self, entries: Mapping[str, ProxyEntry]) -> dict[str, BrownoutError]:
        """Change proxies; return those that failed. They are retried while others succeed: these may free a port."""
        failed = await self._try(entries)
        if failed:  # some may stand in each other's way: those that move give up their ports first
            moving = [name for name in failed if entries[name].listen != self._config.proxies[name].listen]
            moving = [name for name in moving if self._fleet.proxy(name).enabled]
            if len(moving) > 1:
                for name in moving:
                    await self._fleet.proxy(name).disable()
                failed = await self._try({name: entries[name] for name in failed}, moving)
                for name in failed.keys() & set(moving):
                    with contextlib.suppress(BrownoutError):  # what is wrong with it is said
                        await self._fleet.proxy(name).enable()
        return failed

    async def _try(self, entries: Mapping[str, ProxyEntry], released: Collection[str] = ()) -> dict[str, BrownoutError]:
        failed: dict[str, BrownoutError] = {}
        left = dict(entries)
        while left:
            failed = {}
            for name, entry in left.items():
                old = self._config.proxies[name]
                switched = entry.enabled != old.enabled or name in released
                try:
                    await self._fleet.proxy(name).update(
                        upstream=None if entry.upstream == old.upstream else entry.upstream,
                        listen=None if entry.listen == old.listen else entry.listen,
                        enabled=entry.enabled if switched else None,
                    )
                except BrownoutError as error:
                    failed[name] = error
            if len(failed) == len(left):
                break
            left = {name: left[name] for name in failed}
        return failed

    def _revise(self, steps: Steps, done: Done, wrong: list[BrownoutError]) -> None:
        """Let the applied profiles be what they are now; each is all or nothing."""
        for name in steps.dropped:
            done["injection", "healed"] += self._fleet.heal_profile(name)
        for profile in steps.profiles:
            try:
                if profile.name in self._fleet.applied:  # it may have been healed meanwhile
                    done.update({("injection", verb): n for verb, n in self._fleet.revise(profile).items()})
            except BrownoutError as error:
                wrong.append(error)

    async def _settled(self) -> None:
        """Wait while somebody writes the file, for a few seconds at the most."""
        for _ in range(ROUNDS):
            stamp = self._file.stamp()
            await asyncio.sleep(SETTLE)
            if stamp == self._file.stamp():
                break
