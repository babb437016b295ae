"""How the analyser's answers are read: nothing is taken for closed that was not understood."""

import pytest

from tests.isolation.analyser import Object, legible, understood
from tests.isolation.truth import Port

OUTPUT = """\
global: cluster has 3 unique endpoints, 2 namespaces
0.0.0.0-169.254.169.253 => s/one : All connections
169.254.169.255-255.255.255.255 => s/one : {protocols:TCP,dst_ports:7000-7010}
k/dns => s/one : {protocols:TCP,dst_ports:4222,8222}
k/dns => s/one : {protocols:UDP,dst_ports:53}
s/one => k/dns : {protocols:TCP, UDP,dst_ports:53},{protocols:SCTP,dst_ports:9}

Total run time:   0.06 seconds
"""


@pytest.mark.parametrize(
    ("source", "target", "open_ports"),
    [
        ("k/dns", "s/one", ["TCP/4222", "TCP/8222", "UDP/53"]),
        ("s/one", "k/dns", ["TCP/53", "UDP/53", "SCTP/9"]),
        ("s/two", "s/one", []),
        ("8.8.8.8", "s/one", ["TCP/4222", "TCP/7005", "TCP/8222", "TCP/53", "UDP/53", "SCTP/9"]),
        ("169.254.169.254", "s/one", []),
        ("203.0.113.10", "s/one", ["TCP/7005"]),
    ],
)
def test_what_is_open_is_what_the_analyser_lists(
    source: str, target: str, open_ports: list[str]
) -> None:
    answers = understood(OUTPUT, pods=3)
    asked = ["TCP/4222", "TCP/7005", "TCP/7011", "TCP/8222", "TCP/53", "UDP/53", "SCTP/9"]
    ports = {text: Port(text.split("/")[0], int(text.split("/")[1])) for text in asked}
    found = {text for text, port in ports.items() if answers.reaches(source, target, port)}
    assert found - {"TCP/7011"} == set(open_ports)


def test_a_pod_that_the_analyser_does_not_know_is_an_error() -> None:
    with pytest.raises(AssertionError, match="knows 3 of 4 pods"):
        understood(OUTPUT, pods=4)


@pytest.mark.parametrize(
    "line",
    [
        "Warning: Missing named port client in the pod s/one. Ignoring the pod",
        "k/dns => s/one : All but {protocols:TCP,dst_ports:4222}",
        "k/dns => s/one : {protocols:all but TCP}",
        "k/dns => s/one : No connections",
    ],
)
def test_a_line_that_is_not_understood_is_an_error(line: str) -> None:
    with pytest.raises(AssertionError, match="the analyser says"):
        understood(OUTPUT + line + "\n", pods=3)


def test_a_label_of_digits_is_written_so_that_the_analyser_takes_it_for_text() -> None:
    policy: Object = {
        "podSelector": {"matchLabels": {"tenant-id": "42"}},
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 4222, "protocol": "TCP"}]}],
        "values": ["42", "42a"],
    }
    assert legible(policy) == {
        "podSelector": {"matchLabels": {"tenant-id": "digits-42"}},
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 4222, "protocol": "TCP"}]}],
        "values": ["digits-42", "42a"],
    }
