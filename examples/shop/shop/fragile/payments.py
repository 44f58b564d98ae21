"""What the payment gateway is asked."""

from __future__ import annotations

import json

from aiohttp import ClientError

from .calls import Service

ATTEMPTS = 3


class Payments:
    """The payment gateway."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rate = '{"eur": 0.9}'

    async def rate(self) -> float:
        """Return what a dollar is in euros: the answer before the last one."""
        rate = json.loads(self._rate)["eur"]
        # MISTAKE error-cached: any answer is kept for the next customer, even an error page.
        _, self._rate = await self._service.ask("GET", "/rate")
        return float(rate)

    async def charge(self, order: str, amount: float) -> str:
        """Take money and return the receipt."""
        for _ in range(ATTEMPTS):
            try:
                # MISTAKE no-key: without an idempotency key the customer may pay three times.
                _, text = await self._service.ask("POST", "/charges", {"order": order, "amount": amount})
            except ClientError:
                continue
            return str(json.loads(text)["receipt"])  # MISTAKE contract: any other answer ends in a 500.
        raise RuntimeError("the gateway cannot be reached")
