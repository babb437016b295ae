"""The life of a tenant, and of a `nats_instances` row: its statuses, and which may follow which.

The database holds the same table in a trigger (controlplane/schema); a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Status = Literal["provisioning", "active", "draining", "terminated"]
"""`provisioning`: the platform has announced it, and its server is not ready. `active`: workers may
connect. `draining`: its integrations have moved away, and its workers are leaving. `terminated`:
its server is gone, and the row stays as a record."""

STATUSES: tuple[Status, ...] = get_args(Status)

TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        "provisioning": frozenset({"active", "terminated"}),
        "active": frozenset({"draining"}),
        "draining": frozenset({"active", "terminated"}),
        "terminated": frozenset({"provisioning", "active"}),
    }
)
"""What may follow each status, besides itself. A tenant that comes back goes from `terminated` to
`active`. No server is removed while its row says that workers may connect."""


@dataclass(frozen=True, kw_only=True)
class StatusWords:
    """What the platform calls the statuses, where its table has words of its own."""

    provisioning: str = "provisioning"
    active: str = "active"
    draining: str = "draining"
    terminated: str = "terminated"

    def word(self, status: str) -> str:
        """The platform's word for a status of ours."""
        return getattr(self, status) if status in STATUSES else status

    def status(self, word: str) -> str:
        """Our status for a word of the platform's.

        A word that stands for none of ours stays as it is, unless it is spelled like one of ours:
        the platform then means something else by it.
        """
        known = {self.word(status): status for status in STATUSES}
        return known.get(word, f"the platform's {word}" if word in STATUSES else word)

    @property
    def are_distinct(self) -> bool:
        """Whether each status has a word of its own, so that a word says which it is."""
        return len({self.word(status) for status in STATUSES}) == len(STATUSES)

    def written(self) -> tuple[tuple[Status, str], ...]:
        """The statuses that this program writes, each with the platform's word."""
        return tuple((status, self.word(status)) for status in STATUSES if status != "provisioning")


OUR_WORDS = StatusWords()
