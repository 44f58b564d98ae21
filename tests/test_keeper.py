import socket

from .keeper import keeper


def answers(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


def test_a_kept_address_refuses_clients_until_its_server_listens_and_when_it_has_gone() -> None:
    with keeper() as kept:
        address = kept.getsockname()
        assert not answers(address)
        with socket.create_server(address):
            assert answers(address)
        assert not answers(address)
