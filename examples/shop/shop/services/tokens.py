"""The token service: it signs the mail of a customer, and reads what it has signed."""

from __future__ import annotations

import base64
import binascii
import hmac

from aiohttp import web

_KEY = b"an example's key"


def issued(mail: str) -> str:
    """Return the token of a customer."""
    name = base64.urlsafe_b64encode(mail.encode()).decode().rstrip("=")
    return f"{name}.{_signature(mail)}"


def owner(token: str) -> str | None:
    """Return the mail of a token, None for one that was not issued here."""
    name, _, signature = token.partition(".")
    try:
        mail = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return mail if hmac.compare_digest(signature.encode(), _signature(mail).encode()) else None


def _signature(mail: str) -> str:
    return hmac.digest(_KEY, mail.encode(), "sha256").hex()[:32]


async def _issue(request: web.Request) -> web.Response:
    body = await request.json()
    return web.json_response({"token": issued(body["mail"])}, status=201)


async def _read(request: web.Request) -> web.Response:
    mail = owner(request.match_info["token"])
    return web.json_response({"mail": mail}) if mail is not None else web.json_response({}, status=404)


def application() -> web.Application:
    """Return the web application."""
    app = web.Application()
    app.add_routes([web.post("/tokens", _issue), web.get("/tokens/{token}", _read)])
    return app
