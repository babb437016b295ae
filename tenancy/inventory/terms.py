"""The inventory's closed sets of words, without pydantic: the provider imports them too."""

from typing import Literal

State = Literal["active", "decommissioned"]
"""The desired state of a tenant."""

PlacementPolicy = Literal["pack", "spread"]
"""How a tenant's integrations are placed: on as few instances as possible, or evenly on all."""

Egress = Literal["dns", "none", "open"]
"""What a tenant's servers may reach: the cluster's name servers, nothing, or everything."""
