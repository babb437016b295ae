"""Quantities as numbers."""

import pytest

from tenancy.inventory.types import in_bytes, millicores


@pytest.mark.parametrize(
    ("cpu", "expected"), [("1", 1000), ("2", 2000), ("9999", 9_999_000), ("500m", 500), ("1m", 1)]
)
def test_cpu_is_counted_in_thousandths_of_a_core(cpu: str, expected: int) -> None:
    assert expected == millicores(cpu)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1Mi", 1_048_576),
        ("512Mi", 536_870_912),
        ("1024Mi", 1_073_741_824),
        ("1Gi", 1_073_741_824),
        ("4Gi", 4_294_967_296),
        ("1KB", 1_024),
        ("8192KB", 8_388_608),
        ("8MB", 8_388_608),
    ],
)
def test_memory_and_messages_are_counted_in_bytes(amount: str, expected: int) -> None:
    assert expected == in_bytes(amount)
