"""docs/make-up.svg: what `make up` once showed, without this machine's paths."""

import re
from html import unescape
from xml.etree import ElementTree as ET

from benchmarks.recording import PROJECT, drawn, shown
from tenancy.plan import expand
from tenancy.validation import load

FILE = PROJECT / "docs" / "make-up.svg"
PRINTED = """\
\x1b[38;5;3m@ updating...\x1b[0m\r
 \x1b[1m\x1b[38;5;2m+ \x1b[0m kubernetes:core/v1:Service nats-1-service \x1b[38;5;2mcreating (0s)\r
 \x1b[38;5;2m+ \x1b[0m kubernetes:core/v1:Service nats-1-service \x1b[38;5;2mcreated (0.06s)\x1b[0m \r
  /home/me/bin/kubectl --kubeconfig /srv/x/.sandbox/kubeconfig get services\r
  /home/me/bin/psql 'dbname=postgres host=/srv/x/.sandbox/postgres port=5432'\r
"""  # noqa: E501


def text_of(svg: str) -> str:
    """All the text of a picture, in which rich has put hard spaces."""
    return unescape("".join(ET.fromstring(svg).itertext())).replace("\xa0", " ")  # noqa: S314


def test_progress_and_the_folders_of_a_machine_are_left_out() -> None:
    assert [row.plain for row in shown(("make", "up"), PRINTED)] == [
        "$ make up",
        " +  kubernetes:core/v1:Service nats-1-service created (0.06s)",
        "  …/kubectl --kubeconfig …/.sandbox/kubeconfig get services",
        "  …/psql 'dbname=postgres host=…/.sandbox/postgres port=5432'",
    ]


def test_the_film_ends_with_every_row_uncovered() -> None:
    svg = drawn(shown(("make", "up"), PRINTED))
    frames = re.findall(r"translateY\(([\d.]+)px\)", svg.partition("@keyframes cover")[2])
    assert frames[-1] == "97.6", "four rows of 24.4"
    assert ".cover { transform: translateY(97.6px)" in svg, "also where animations are off"


def test_the_committed_recording_is_of_the_shipped_inventory_and_of_no_machine() -> None:
    svg = FILE.read_text()
    told = text_of(svg)
    plan = expand(load(PROJECT / "tenants.yaml"), namespace="vrsky-tenants")
    urls = [instance.url for tenant in plan.tenants for instance in tenant.instances]
    assert [url for url in urls if url not in told] == [], "run `make recording`"
    assert re.findall(r"/(?:root|home|tmp|work|Users)/", told) == []
    assert len(svg) < 150_000
