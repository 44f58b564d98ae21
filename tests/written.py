"""An exchange for the record, of which only the entry is there."""

from typing import NamedTuple

from brownout.proxy import Entry


class Written(NamedTuple):
    """What has the record make an entry of it; with values, `shown` is its request."""

    example: Entry
    shown: str = ""

    def entry(self, seq: int, *, values: bool) -> Entry:
        return self.example._replace(seq=seq, summary=self.shown if values else self.example.summary)
