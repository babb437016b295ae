"""The controls of the Pod Security Standard `restricted`, and pods that break one each.

As https://kubernetes.io/docs/concepts/security/pod-security-standards/ has them for Kubernetes
1.34, each under the name by which the API server refuses it. They are for Linux pods; what they do
not know (pods for Windows, user namespaces) they do not relax.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Template = dict[str, Any]
"""A pod's `metadata` and `spec`, as JSON."""

_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
}
_SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"),
    *("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time"),
    *("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
    *("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
_SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_APPARMOR_PREFIX = "container.apparmor.security.beta.kubernetes.io/"


def violations(template: Template) -> set[str]:
    """The names of the controls that a pod made of `template` would break."""
    return {*_of_pod(template), *_of_containers(template["spec"])}


def _of_pod(template: Template) -> Iterator[str]:
    spec = template["spec"]
    context = spec.get("securityContext", {})
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "host namespaces"
    for volume in spec.get("volumes", []):
        if not (kinds := set(volume) - {"name"}) or not kinds <= _VOLUMES:
            yield "restricted volume types"
    if any(each["name"] not in _SYSCTLS for each in context.get("sysctls", [])):
        yield "forbidden sysctls"
    annotations = template.get("metadata", {}).get("annotations", {})
    for key, profile in annotations.items():
        loose = profile != "runtime/default" and not profile.startswith("localhost/")
        if key.startswith(_APPARMOR_PREFIX) and loose:
            yield "forbidden AppArmor profile"


def _of_containers(spec: Template) -> Iterator[str]:
    pod = spec.get("securityContext", {})
    for container in _containers(spec):
        own = container.get("securityContext", {})
        both = {**pod, **own}
        capabilities = own.get("capabilities", {})
        rules = {
            "privileged": own.get("privileged"),
            "unrestricted capabilities": "ALL" not in capabilities.get("drop", [])
            or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"},
            "allowPrivilegeEscalation != false": own.get("allowPrivilegeEscalation") is not False,
            "hostPort": any(port.get("hostPort") for port in container.get("ports", [])),
            "runAsNonRoot != true": both.get("runAsNonRoot") is not True,
            "runAsUser=0": 0 in (pod.get("runAsUser"), own.get("runAsUser")),
            "seccompProfile": both.get("seccompProfile", {}).get("type")
            not in ("RuntimeDefault", "Localhost"),
            "procMount": own.get("procMount", "Default") != "Default",
            "probe or lifecycle host": any(_asks_a_host(container)),
        }
        yield from (name for name, broken in rules.items() if broken)
        for context in (pod, own):
            options = context.get("seLinuxOptions", {})
            other_type = options.get("type", "") not in _SELINUX_TYPES
            if other_type or options.get("user") or options.get("role"):
                yield "seLinuxOptions"
            if context.get("appArmorProfile", {}).get("type") == "Unconfined":
                yield "forbidden AppArmor profile"
            if context.get("windowsOptions", {}).get("hostProcess"):
                yield "hostProcess"


def _asks_a_host(container: Template) -> Iterator[str]:
    """The hosts that the probes and hooks of a container name, beside the pod itself."""
    hooks = container.get("lifecycle", {}).values()
    probes = [container.get(f"{kind}Probe", {}) for kind in ("startup", "readiness", "liveness")]
    for handler in (*probes, *hooks):
        for action in ("httpGet", "tcpSocket"):
            if host := handler.get(action, {}).get("host"):
                yield host


def _containers(spec: Template) -> list[Template]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in spec.get(kind, [])]


def _pod(**fields: Any) -> Callable[[Template], None]:
    return lambda template: template["spec"].update(fields)


def _pod_context(**fields: Any) -> Callable[[Template], None]:
    return lambda template: template["spec"]["securityContext"].update(fields)


def _context(**fields: Any) -> Callable[[Template], None]:
    return lambda template: template["spec"]["containers"][0]["securityContext"].update(fields)


def _without(of: str, key: str) -> Callable[[Template], None]:
    def remove(template: Template) -> None:
        spec = template["spec"]
        holder = spec if of == "pod" else spec["containers"][0]
        del holder["securityContext"][key]

    return remove


def _host_port(template: Template) -> None:
    template["spec"]["containers"][0]["ports"][0]["hostPort"] = 4222


def _volume(**source: Any) -> Callable[[Template], None]:
    return lambda template: template["spec"]["volumes"].append({"name": "more", **source})


def _privileged(template: Template) -> None:
    # The two contradict each other, so that no pod can break this control alone.
    _context(privileged=True, allowPrivilegeEscalation=True)(template)


def _proc_mount(template: Template) -> None:
    # The API server takes it from pods only that have users of their own.
    template["spec"]["hostUsers"] = False
    _context(procMount="Unmasked")(template)


def _probe_of_a_host(template: Template) -> None:
    template["spec"]["containers"][0]["livenessProbe"]["httpGet"]["host"] = "169.254.169.254"


BREACHES: dict[str, tuple[str, Callable[[Template], None]]] = {
    "host-network": ("host namespaces", _pod(hostNetwork=True)),
    "host-pid": ("host namespaces", _pod(hostPID=True)),
    "host-ipc": ("host namespaces", _pod(hostIPC=True)),
    "privileged": ("privileged", _privileged),
    "capability-added": (
        "unrestricted capabilities",
        _context(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
    ),
    "capabilities-kept": (
        "unrestricted capabilities",
        _context(capabilities={"drop": ["NET_RAW"]}),
    ),
    "capabilities-missing": ("unrestricted capabilities", _without("container", "capabilities")),
    "escalation": ("allowPrivilegeEscalation != false", _context(allowPrivilegeEscalation=True)),
    "escalation-missing": (
        "allowPrivilegeEscalation != false",
        _without("container", "allowPrivilegeEscalation"),
    ),
    "host-path": ("restricted volume types", _volume(hostPath={"path": "/"})),
    "nfs": ("restricted volume types", _volume(nfs={"server": "nfs.example.com", "path": "/"})),
    "host-port": ("hostPort", _host_port),
    "non-root-missing": ("runAsNonRoot != true", _without("pod", "runAsNonRoot")),
    "non-root-false": ("runAsNonRoot != true", _context(runAsNonRoot=False)),
    "root": ("runAsUser=0", _context(runAsUser=0)),
    "seccomp-off": ("seccompProfile", _pod_context(seccompProfile={"type": "Unconfined"})),
    "seccomp-missing": ("seccompProfile", _without("pod", "seccompProfile")),
    "proc-mount": ("procMount", _proc_mount),
    "sysctl": (
        "forbidden sysctls",
        _pod_context(sysctls=[{"name": "kernel.msgmax", "value": "65536"}]),
    ),
    "selinux-user": ("seLinuxOptions", _context(seLinuxOptions={"user": "system_u"})),
    "apparmor-off": (
        "forbidden AppArmor profile",
        _context(appArmorProfile={"type": "Unconfined"}),
    ),
    "probe-of-a-host": ("probe or lifecycle host", _probe_of_a_host),
}
"""The control that is broken, and how to break it; under a name that a pod can have."""
NEWER_THAN_THE_CLUSTER = ("probe-of-a-host",)
"""Breaches of controls that came with Kubernetes 1.34; the sandbox's API server is 1.33."""


def broken(template: Template, breach: Callable[[Template], None]) -> Template:
    """A copy of `template` with `breach` done to it."""
    copy = deepcopy(template)
    breach(copy)
    return copy
