"""A way from this machine to the ports of a Service, by `kubectl port-forward`.

It goes through the API server and the node's kubelet, so it bypasses NetworkPolicies: it shows that
a server works, but not who may reach it.
"""

import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager

from cluster.kubectl import ClusterError, Kubectl

_PATIENCE_SECONDS = 20
_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)")


@contextmanager
def forwarded(
    kubectl: Kubectl, namespace: str, service: str, *ports: int
) -> Generator[dict[int, int]]:
    """The local port, on 127.0.0.1, that leads to each of the target `ports` of `service`.

    Raises:
        ClusterError: kubectl cannot forward; the text is kubectl's own.
    """
    command = kubectl.command(
        "port-forward", f"--namespace={namespace}", f"service/{service}",
        *(f":{port}" for port in ports),
    )  # fmt: skip
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=dict(kubectl.environment), stdout=subprocess.PIPE, stderr=errors,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            local = _listen(process, len(ports))
            if len(local) < len(ports):
                process.terminate()
                process.wait()
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                raise ClusterError((said or ["kubectl port-forward said nothing"])[-1])
            yield local
        finally:
            process.terminate()
            process.communicate()


def _listen(process: "subprocess.Popen[bytes]", wanted: int) -> dict[int, int]:
    """The local ports that kubectl prints; it waits until all are there, or kubectl ends."""
    assert process.stdout  # noqa: S101
    local: dict[int, int] = {}
    said = b""
    until = time.monotonic() + _PATIENCE_SECONDS
    while len(local) < wanted and (left := until - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        part = os.read(process.stdout.fileno(), 4096)
        if not part:
            break
        said += part
        local = {int(target): int(port) for port, target in _FORWARDING.findall(said)}
    return local
