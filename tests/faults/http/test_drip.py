"""http.drip: a reply in drops."""

import random

import pytest

from brownout.faults import Duration, Kind, Segment, Size, StageContext
from brownout.faults.action import Shape
from brownout.faults.http import Drip
from brownout.wire.errors import BrownoutError

from .conftest import GET, LENGTH, replied


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_part_of_the_reply_comes_in_drops(part: str) -> None:
    fault = Drip(bytes=Size(3), interval=Duration(2), part=part)
    (shape,) = fault.on_reply(GET, replied(*LENGTH, to=GET), random.Random(7))
    assert isinstance(shape, Shape)
    assert (shape.message, shape.part) == ("reply", part)
    stage = shape.start(StageContext())
    assert [*stage(Segment(10, kind=Kind.OPEN)), *stage(Segment(10, b"abcdefg"))] == [
        Segment(10, b"abc"), Segment(12, b"def"), Segment(14, b"g"),
    ]  # fmt: skip


def test_a_drop_of_nothing_is_refused() -> None:
    with pytest.raises(BrownoutError) as caught:
        Drip(bytes=Size(0), interval=Duration(1))
    assert (caught.value.message, caught.value.hint) == (
        "with 0 bytes at a time, nothing would ever arrive", "give bytes=1B or more; silence is `http.lost_reply`",
    )  # fmt: skip
