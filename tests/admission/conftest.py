"""The policies of deploy/ hold in a whole cluster, and may refuse others' pods while they come.

So these tests have a cluster of their own.
"""

import pytest

from tests.access import Access
from tests.e2e.project import Target


@pytest.fixture(scope="module")
def access(own_access: Access) -> Access:
    return own_access


@pytest.fixture(scope="module")
def target(own_target: Target) -> Target:
    return own_target
