"""Toxiproxy's REST API, over the same fleet as `/v1`: a toxic is an injection.

    GET  /proxies   POST /proxies            {name, upstream, listen?, enabled?}
    GET, POST, PATCH, DELETE /proxies/P      {upstream?, listen?, enabled?}
    GET, POST /proxies/P/toxics              {type, name?, stream?, toxicity?, attributes?}
    GET, POST, PATCH, DELETE /proxies/P/toxics/T          {toxicity?, attributes?}
    POST /populate                           a list of proxies; with ?toxics=1 each has its `toxics`
    POST /reset   GET /version

Where Toxiproxy hangs, crashes or loses something this one does not; docs/toxiproxy.md has the differences.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ...faults import placing
from ...wire.errors import BrownoutError
from . import VERSION
from .gohttp import ToxiproxyError, answering, nothing, reply
from .gojson import Fields, decode
from .proxies import Proxies
from .request_params import read_attributes, read_entry, read_toxic, read_toxicity
from .toxics import Toxic
from .words import Words

if TYPE_CHECKING:
    from ...proxy import Fleet, Injection, Proxy


class Toxiproxy:
    """The handlers, over one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._words = Words()
        self._proxies = Proxies(fleet, self._words)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        proxy = "/proxies/{proxy:[^/]+}"
        toxic = proxy + "/toxics/{toxic:[^/]+}"
        table = [
            ("GET", "/proxies", self.list_proxies),
            ("POST", "/proxies", self.create),
            ("GET", proxy, self.show),
            ("POST", proxy, self.update),
            ("PATCH", proxy, self.update),
            ("DELETE", proxy, self.delete),
            ("GET", f"{proxy}/toxics", self.list_toxics),
            ("POST", f"{proxy}/toxics", self.add_toxic),
            ("GET", toxic, self.show_toxic),
            ("POST", toxic, self.update_toxic),
            ("PATCH", toxic, self.update_toxic),
            ("DELETE", toxic, self.remove_toxic),
            ("POST", "/populate", self.populate_all),
            ("POST", "/reset", self.reset),
            ("GET", "/version", self.version),
        ]
        no_head = {"GET": {"allow_head": False}}
        return [web.route(method, path, answering(work), **no_head.get(method, {})) for method, path, work in table]

    async def version(self, request: web.Request) -> web.Response:
        """Say which Toxiproxy this is like, byte for byte as it does."""
        headers = {"Content-Type": "application/json;charset=utf-8"}
        return web.Response(body=b'{"version": "%s"}\n' % VERSION.encode(), headers=headers)

    # Proxies

    async def list_proxies(self, request: web.Request) -> web.Response:
        """List the proxies by name, in the order of its bytes."""
        proxies = sorted(self._fleet.proxies.values(), key=lambda proxy: proxy.name.encode())
        return reply({proxy.name: self._words.proxy(proxy) for proxy in proxies})

    async def create(self, request: web.Request) -> web.Response:
        """Make a proxy (201)."""
        entry = read_entry(decode(await request.read()))
        if entry.name in self._fleet.proxies:
            raise ToxiproxyError(HTTPStatus.CONFLICT, "proxy already exists")
        return reply(self._words.proxy(await self._proxies.make(entry)), HTTPStatus.CREATED)

    async def show(self, request: web.Request) -> web.Response:
        """Show a proxy."""
        return reply(self._words.proxy(self._proxy(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Change where a proxy stands; what is refused changes nothing."""
        body, proxy = await request.read(), self._proxy(request)
        fields = Fields(decode(body))
        upstream, listen, enabled = fields.text("upstream"), fields.text("listen"), fields.switch("enabled")
        await self._proxies.change(proxy, upstream, listen, enabled)
        return reply(self._words.proxy(proxy))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a proxy and close its connections."""
        await self._fleet.remove(self._proxy(request).name)
        return nothing()

    async def reset(self, request: web.Request) -> web.Response:
        """Enable every proxy and heal it, also of what Toxiproxy has no words for; one that cannot be is left alone."""
        await self._proxies.reset()
        return nothing()

    async def populate_all(self, request: web.Request) -> web.Response:
        """Make the proxies of a list (201)."""
        try:
            entries, toxics = decode(await request.read()), request.query.get("toxics") == "1"
            return reply({"proxies": await self.populate(entries, toxics=toxics)}, HTTPStatus.CREATED)
        except BrownoutError as error:
            proxies = error.proxies if isinstance(error, ToxiproxyError) else None
            raise ToxiproxyError(error.status, error.message, proxies or []) from None

    async def populate(self, entries: object, *, toxics: bool) -> list[dict[str, object]]:
        """Make the proxies of a list of JSON, and return them. What is there and equal is kept as is.

        With `toxics` each has its own; one that is wrong is left out, and the journal says so.

        Raises ToxiproxyError: nothing was done where an entry is wrong (400); `proxies` were made where a later one
        could not be had.
        """
        return await self._proxies.populate(entries, toxics=toxics)

    # Toxics

    async def list_toxics(self, request: web.Request) -> web.Response:
        """List the toxics of a proxy."""
        return reply([toxic.answer() for toxic in self._words.toxics(self._proxy(request))])

    async def add_toxic(self, request: web.Request) -> web.Response:
        """Add a toxic."""
        body, proxy = await request.read(), self._proxy(request)
        return reply(self._proxies.inject(proxy, read_toxic(decode(body), proxy.injections)).answer())

    async def show_toxic(self, request: web.Request) -> web.Response:
        """Show a toxic."""
        return reply(self._toxic(request)[2].answer())

    async def update_toxic(self, request: web.Request) -> web.Response:
        """Change attributes and toxicity of a toxic; what is not said stays, what is refused changes nothing."""
        body = await request.read()
        proxy, injection, toxic = self._toxic(request)
        fields = Fields(decode(body))
        toxic = toxic.changed(read_attributes(fields, toxic.type), read_toxicity(fields))
        if values := placing.changes(injection.spec, toxic.spec()):
            proxy.change(injection.name, values)
        if "probability" in values:
            proxy.judge_again(injection.name)
        self._words.keep_toxic(injection, toxic)
        return reply(toxic.answer())

    async def remove_toxic(self, request: web.Request) -> web.Response:
        """Remove a toxic."""
        proxy, injection, _ = self._toxic(request)
        proxy.heal(injection.name)
        return nothing()

    def _proxy(self, request: web.Request) -> Proxy:
        proxy = self._fleet.proxies.get(request.match_info["proxy"])
        if proxy is None:
            raise ToxiproxyError(HTTPStatus.NOT_FOUND, "proxy not found")
        return proxy

    def _toxic(self, request: web.Request) -> tuple[Proxy, Injection, Toxic]:
        proxy = self._proxy(request)
        injection = proxy.injections.get(request.match_info["toxic"])
        toxic = None if injection is None else self._words.toxic(injection)
        if injection is None or toxic is None:
            raise ToxiproxyError(HTTPStatus.NOT_FOUND, "toxic not found")
        return proxy, injection, toxic


def add_toxiproxy(app: web.Application, fleet: Fleet) -> Toxiproxy:
    """Add Toxiproxy's API to an application, whose middlewares must hold `go_routing`."""
    toxiproxy = Toxiproxy(fleet)
    app.add_routes(toxiproxy.routes())
    return toxiproxy
