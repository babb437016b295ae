"""The closed sets of words that the inventory has; plain, since the provider reads them as well."""

from typing import Literal

State = Literal["active", "decommissioned"]
"""What is to become of a tenant."""

PlacementPolicy = Literal["pack", "spread"]
"""How a tenant's integrations are placed: on as few instances as possible, or evenly on all."""
