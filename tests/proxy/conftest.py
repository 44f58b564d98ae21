from collections.abc import Iterator

import pytest

from .talk import Talk


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk()
    yield talk
    talk.check_counts()
