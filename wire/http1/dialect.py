"""What makes the readers of HTTP/1.x, which are imported when the first one is wanted: most commands want none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ..dialect import RequestHead

if TYPE_CHECKING:
    from .reader import ReplyReader, RequestReader


class Http1:
    """HTTP/1.0 and 1.1, with what they turn into by Upgrade and CONNECT as opaque bytes."""

    @cached_property
    def _readers(self) -> tuple[type[RequestReader], type[ReplyReader]]:
        from .reader import ReplyReader, RequestReader

        return RequestReader, ReplyReader

    def requests(self) -> RequestReader:
        """Return a reader of a client's stream."""
        return self._readers[0]()

    def replies(self, asked: Callable[[], RequestHead | None]) -> ReplyReader:
        """Return a reader of a server's stream. `asked` is called once for each reply, at the first of its heads."""
        return self._readers[1](asked)
