"""Any conversation cut at any points: its bytes come out, and its messages are the same."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.wire.dialect import Part, Piece


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(piece.data for piece in pieces)


def boundaries(pieces: list[Piece]) -> list[tuple[str, int]]:
    """Where messages begin, their payload begins and they end, and where nothing is followed any more."""
    found, at = [], 0
    for piece in pieces:
        if piece.part is Part.HEAD:
            found += [("begins", at), ("head ends", at + len(piece.data))]
        at += len(piece.data)
        if piece.last:
            found.append(("ends", at))
    return found


def payload(pieces: list[Piece]) -> bytes:
    return b"".join(piece.payload for piece in pieces)


def test_every_conversation_is_seen_as_it_is(conversations: tuple[Any, ...], follow: Callable[..., Any]) -> None:
    assert len(conversations) >= 220
    assert len({conversation.name for conversation in conversations}) == len(conversations)
    for conversation in conversations:
        followed = follow(conversation)
        assert followed.exchanges == conversation.exchanges, conversation.name
        assert followed.request_opaque == conversation.request_opaque, conversation.name
        assert followed.reply_opaque == conversation.reply_opaque, conversation.name
        ended = bool(followed.replies) and followed.replies[-1] == Piece(Part.FRAME, b"", True)
        assert ended == conversation.ends, conversation.name


def same(conversation: Any, whole: Any, cut: Any) -> None:
    assert joined(cut.requests) == conversation.request, conversation.name
    assert joined(cut.replies) == conversation.reply, conversation.name
    assert boundaries(cut.requests) == boundaries(whole.requests), conversation.name
    assert boundaries(cut.replies) == boundaries(whole.replies), conversation.name
    assert (payload(cut.requests), payload(cut.replies)) == (payload(whole.requests), payload(whole.replies))
    assert cut[2:] == whole[2:], conversation.name


def test_byte_by_byte(conversations: tuple[Any, ...], follow: Callable[..., Any]) -> None:
    for conversation in conversations:
        cuts = range(4096), range(4096)
        same(conversation, follow(conversation), follow(conversation, *cuts))


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["request", "reply"])
def test_cut_once_anywhere(conversations: tuple[Any, ...], follow: Callable[..., Any], stream: str) -> None:
    for conversation in conversations:
        whole = follow(conversation)
        data = getattr(conversation, stream)
        for cut in {*range(1, len(data))[:40], *range(1, len(data))[-40:]}:
            same(conversation, whole, follow(conversation, **{f"{stream}_cuts": [cut]}))


@given(data=st.data())
def test_cut_anywhere(conversations: tuple[Any, ...], follow: Callable[..., Any], data: st.DataObject) -> None:
    conversation = data.draw(st.sampled_from(conversations))
    request = data.draw(st.sets(st.integers(1, max(len(conversation.request), 1)), max_size=20))
    reply = data.draw(st.sets(st.integers(1, max(len(conversation.reply), 1)), max_size=20))
    same(conversation, follow(conversation), follow(conversation, request, reply))
