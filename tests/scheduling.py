"""Which tests go to the same process of a run: those that share what is set up once.

pytest-xdist has marks for this (`--dist loadgroup`). It adds them to the tests' ids, and the pytest
in uv.lock no longer lets it.
"""

from xdist.scheduler import LoadScopeScheduling  # pyright: ignore[reportMissingTypeStubs]

TOGETHER = {
    "own cluster": (
        "tests/admission/",
        "tests/metrics/test_discovery.py",
        "tests/e2e/test_outages.py",
    ),
    "lifecycle": ("tests/isolation/test_defects.py", "tests/isolation/test_lifecycle.py"),
    "clusters of other families": ("tests/e2e/test_services.py",),
    "careful": ("tests/e2e/test_passwords.py",),
}
"""By the name of a group, what the paths of its files begin with."""
_ALONE = "tests/e2e/"
"""Where a test is given to whichever process is free. Elsewhere a file's tests stay together."""


def group_of(test: str) -> str:
    """The group of a test, by its id: `tests/e2e/test_changes.py::test_destroy_leaves_nothing`."""
    for name, beginnings in TOGETHER.items():
        if test.startswith(beginnings):
            return name
    return test if test.startswith(_ALONE) else test.partition("::")[0]


class Scheduling(LoadScopeScheduling):
    """Gives out whole groups, in the order of the command line."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
