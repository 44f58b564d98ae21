"""Serve the API: `SHOP_BUILD=fragile python -m shop`, on 127.0.0.1 and SHOP_PORT (8000)."""

from __future__ import annotations

import importlib
import logging
import os
import sys

from aiohttp import web

from .web import Settings, application

BUILDS = ("fragile", "graceful")


def main() -> None:
    """Serve the build that SHOP_BUILD names until SIGTERM or ctrl-C."""
    build = os.environ.get("SHOP_BUILD", "graceful")
    if build not in BUILDS:
        sys.exit(f"SHOP_BUILD={build}: there are {' and '.join(BUILDS)}")
    logging.basicConfig()
    shop = importlib.import_module(f"{__package__}.{build}.app").Shop(Settings.read(os.environ))
    port = int(os.environ.get("SHOP_PORT", "8000"))
    host = os.environ.get("SHOP_HOST", "127.0.0.1")
    web.run_app(
        application(shop),
        host=host,
        port=port,
        reuse_port=True,  # whoever starts us may hold the port for us, bound in the same way
        access_log=None,
        print=None,
        shutdown_timeout=1.0,  # requests that hang are not waited for
    )


if __name__ == "__main__":
    main()
