"""Quantities as Kubernetes writes them: `500m`, `2Gi`, `10`, `1e3`."""

from decimal import Decimal, InvalidOperation

_SUFFIXES = {
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{unit: Decimal(1000) ** -power for power, unit in enumerate("mun", start=1)},
}


def quantity(text: str) -> Decimal | None:
    """`text` in whole units: cores, bytes, objects; None if it is no quantity."""
    suffix = next((each for each in _SUFFIXES if text.endswith(each)), "")
    try:
        return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))
    except InvalidOperation:
        return None
