"""The commands of the Makefile, in a fresh copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.kubectl import Kubectl
from operations.verification import probes
from sandbox.cluster import Cluster
from sandbox.layout import PROJECT, Layout
from tests.nats.keys import new_key
from tests.pace import pace


@pytest.fixture(scope="module")
def checkout() -> Generator[Path]:
    """A copy of the working tree, like a clone; tests/conftest.py says why not in tmp_path."""
    with tempfile.TemporaryDirectory(prefix="tenant-nats-", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "tenant-nats"
        _copy(folder)
        yield folder
        make(folder, "down")


def _copy(folder: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in tracked.split("\0"):
        if name and (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)


def make(folder: Path, target: str) -> str:
    """Run `make target` with an environment that points to production; returns its output."""
    outside = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    answer = subprocess.run(
        ["make", target],
        cwd=folder,
        env={
            **outside,
            "KUBECONFIG": "/nowhere/production.kubeconfig",
            "DATABASE_URL": "postgresql://production.invalid/platform",
            "PULUMI_BACKEND_URL": "https://production.invalid",
            "PGHOSTADDR": "127.0.0.1",
            "PGPORT": "1",
        },
        capture_output=True,
        text=True,
    )
    output = answer.stdout + answer.stderr
    assert answer.returncode == 0, output
    return output


def environment(folder: Path) -> dict[str, str]:
    """The environment of somebody who uses the sandbox without make."""
    sandbox = Layout(folder / ".sandbox")
    binaries = str(Cluster.of(sandbox).binaries)
    return {
        **os.environ,
        "PATH": os.pathsep.join([binaries, os.environ["PATH"]]),
        "KUBECONFIG": str(sandbox.kubeconfig),
        "DATABASE_URL": f"postgresql://postgres:@/postgres?host={sandbox.postgres}&port=5432",
    }


def operations(folder: Path, *arguments: str) -> tuple[int, Any]:
    """Run `tenant-nats … --json`; its exit code and its answer."""
    answer = subprocess.run(
        [sys.executable, "-m", "operations", *arguments, "--json"],
        cwd=folder, env=environment(folder), capture_output=True, text=True,
    )  # fmt: skip
    assert answer.stdout, answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def kubectl(folder: Path, *arguments: str) -> str:
    return Kubectl(environment=environment(folder)).run("--namespace=vrsky-tenants", *arguments)


def arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_up_twice_then_preview_status_and_down(checkout: Path) -> None:
    assert "there is no sandbox" in make(checkout, "status")
    first = make(checkout, "up")
    assert "nats://nats-demo-tenant-1.vrsky-tenants.svc.cluster.local:4222" in first
    assert "not ready" not in first
    assert "nodes are simulated" in first
    assert "for this machine only" in first
    assert "1 warning; 1 message" in first
    assert first.count("warning: ") == 1, "what the engine counts is shown"
    paces = [pace()]
    began = time.monotonic()
    assert "Nothing changed" in make(checkout, "up")
    seconds = time.monotonic() - began
    paces.append(pace())
    assert seconds / max(paces) < 60
    shipped = (PROJECT / "tenants.yaml").read_text()
    assert "integrations: 42" in shipped
    (checkout / "tenants.yaml").write_text(shipped.replace("integrations: 42", "integrations: 60"))
    preview = make(checkout, "preview")
    (checkout / "tenants.yaml").write_text(shipped)
    assert "nats-demo-tenant-2-deployment" in preview
    assert "nats-acme-corp" not in preview.partition("Outputs:")[0], "only what changes is shown"
    assert "database: running" in make(checkout, "status")
    assert "real nats-servers behind its pods: 5" in make(checkout, "status")
    number = int((checkout / ".sandbox/postgres/postmaster.pid").read_text().splitlines()[0])
    postgres = psutil.Process(number)
    assert "the sandbox is gone" in make(checkout, "down")
    assert not postgres.is_running()
    assert not [
        each for each in psutil.process_iter() if str(checkout) in " ".join(arguments(each))
    ]
    assert not (checkout / ".sandbox").exists()


def test_verify_and_status_report_the_state_of_each_server(checkout: Path) -> None:
    make(checkout, "up")
    sandbox = Layout(checkout / ".sandbox")
    code, findings = operations(checkout, "verify", "acme-corp")
    assert code == 0, findings
    told = {(each["instance"], each["check"]): each["outcome"] for each in findings}
    assert told == {
        **{
            (f"nats-acme-corp-{number}", check): "good"
            for number in (1, 2)
            for check in ("pod", "INFO", "publish and subscribe", "/varz", "/connz")
        },
        ("every instance", "isolation"): "not shown",
    }
    # One that asks for a key and speaks TLS, with a certificate of the sandbox's own authority.
    code, findings = operations(checkout, "verify", "globex")
    assert code == 0, findings
    assert [each["outcome"] for each in findings if each["check"] == "publish and subscribe"] == [
        "not shown",
        "not shown",
    ]
    key = new_key()
    seed, inventory = checkout / "seed.nk", (checkout / "tenants.yaml").read_text()
    seed.write_text(key.seed)
    with_key = inventory.replace("nkeys: #", f"nkeys:\n        - {key.public} #")
    (checkout / "tenants.yaml").write_text(with_key)
    make(checkout, "up")
    authority = str(sandbox.authority)
    asked = ("verify", "globex", "--nkey", str(seed), "--ca", authority)
    code, findings = operations(checkout, *asked)
    assert {each["outcome"] for each in findings if each["check"] != "isolation"} == {"good"}
    assert code == 0
    (checkout / "tenants.yaml").write_text(inventory)
    make(checkout, "up")
    code, findings = operations(checkout, *asked)
    bad = {each["check"] for each in findings if each["outcome"] == "bad"}
    assert (code, bad) == (5, {"publish and subscribe"}), "the key is revoked"
    assert operations(checkout, "status")[0] == 0
    # A server that hangs: its pod, which is simulated, stays ready.
    pid = json.loads((sandbox.nats / "nats-acme-corp-2" / "server.json").read_text())["pid"]
    psutil.Process(pid).kill()
    code, findings = operations(checkout, "verify", "acme-corp")
    bad = {(each["instance"], each["check"]) for each in findings if each["outcome"] == "bad"}
    checks = ("INFO", "publish and subscribe", "/varz", "/connz")
    assert (code, bad) == (5, {("nats-acme-corp-2", check) for check in checks})
    kubectl(checkout, "delete", "service", "nats-demo-tenant-1")
    kubectl(checkout, "create", "deployment", "nats-stray-1", "--image=nats", "--replicas=0")
    code, told = operations(checkout, "status")
    differing = {
        each["tenant"]: each["differences"] for each in told["instances"] if each["differences"]
    }
    assert (code, differing) == (
        5,
        {"demo-tenant": ["no Service"], "stray": ["nothing asks for it: Deployment"]},
    )
    kubectl(checkout, "delete", "deployment", "nats-stray-1")


def test_probes_are_admitted_under_restricted_and_leave_nothing(checkout: Path) -> None:
    make(checkout, "up")
    # On simulated nodes every pod succeeds; only a real cluster shows what a pod finds out.
    jobs = [
        probes.job(
            probes.Probe(name=f"verify-{tenant}", host="h", tenant=tenant, is_admitted=is_own),
            image="nats:2.15.1-alpine",
        )
        for tenant, is_own in (("acme-corp", True), ("stranger", False))
    ]
    assert probes.run(Kubectl(environment=environment(checkout)), "vrsky-tenants", jobs) == {}
    assert kubectl(checkout, "get", "jobs", "--output=name") == ""


def test_up_again_after_the_cluster_was_lost_and_an_engine_has_died(checkout: Path) -> None:
    make(checkout, "up")
    make(checkout, "preview")
    sandbox = Layout(checkout / ".sandbox")
    Cluster.of(sandbox).delete()
    lock = sandbox.pulumi_state / ".pulumi/locks/organization/tenant-nats/dev/dead.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    nobody = 2**22 + 1  # above the largest process id
    lock.write_text(json.dumps({"pid": nobody, "username": "root", "hostname": "here"}))
    assert "The lock of a dead engine is removed" in make(checkout, "preview")
    again = make(checkout, "up")
    assert "not ready" not in again
    assert "There is nothing to recover" in make(checkout, "recover")
    assert "Nothing changed" in make(checkout, "up")


def test_up_goes_on_from_one_that_was_killed_before_it_recorded_what_it_had_made(
    checkout: Path,
) -> None:
    make(checkout, "up")
    let_the_engine_have_died_while_making(checkout, "nats-globex-1-service")
    again = make(checkout, "up")
    made = "Service vrsky-tenants/nats-globex-1 is there, and recorded now."
    assert f"Interrupted while creating nats-globex-1-service: {made}" in again
    assert "Now run" not in again
    assert "Nothing changed" in make(checkout, "up")


def let_the_engine_have_died_while_making(checkout: Path, name: str) -> None:
    """Take a resource out of the state, with a note that it was about to be made."""
    [file] = (checkout / ".sandbox/state").glob(".pulumi/stacks/*/dev.json")
    stored = json.loads(file.read_text())
    deployment: dict[str, Any] = stored["checkpoint"]["latest"]
    [made] = [each for each in deployment["resources"] if each["urn"].endswith(f"::{name}")]
    deployment["resources"].remove(made)
    for each in deployment["resources"]:
        by_property: dict[str, list[str]] = each.get("propertyDependencies") or {}
        for urns in (each.get("dependencies") or [], *filter(None, by_property.values())):
            urns[:] = [urn for urn in urns if urn != made["urn"]]
    del made["id"], made["outputs"]
    deployment["pending_operations"] = [{"type": "creating", "resource": made}]
    file.write_text(json.dumps(stored))


def test_a_state_that_cannot_be_read_is_reported_in_words(checkout: Path) -> None:
    make(checkout, "up")
    [state] = (checkout / ".sandbox/state").glob(".pulumi/stacks/*/dev.json")
    whole = state.read_text()
    state.write_text(whole[: len(whole) // 2])
    for target in ("status", "up"):
        answer = subprocess.run(["make", target], cwd=checkout, capture_output=True, text=True)
        assert answer.returncode != 0
        assert "failed: " in answer.stderr
        assert "`make down` and `make up` make a new sandbox" in answer.stderr
        assert "Traceback" not in answer.stderr
    state.write_text(whole)


def test_up_in_a_changed_inventory_with_a_fault_says_so_and_fails(checkout: Path) -> None:
    (checkout / "tenants.yaml").write_text("tenants:\n  Demo: {}\n")
    answer = subprocess.run(["make", "up"], cwd=checkout, capture_output=True, text=True)
    assert answer.returncode != 0
    assert "line 2, tenant Demo" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    shutil.copy(PROJECT / "tenants.yaml", checkout / "tenants.yaml")


def test_every_target_explains_itself(checkout: Path) -> None:
    listed = make(checkout, "help")
    for target in (
        "up",
        "preview",
        "recover",
        "down",
        "status",
        "check",
        "test",
        "golden",
        "schema",
    ):
        assert f"  make {target} " in listed


def test_without_uv_on_path_a_pinned_one_is_fetched(tmp_path: Path) -> None:
    python = str(Path(shutil.which("python3") or "").parent)
    answer = subprocess.run(
        [PROJECT / "sandbox" / "uv.sh", "--version"],
        env={"PATH": f"{python}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path), "HOME": "/root"},
        capture_output=True,
        text=True,
    )
    assert answer.stdout.startswith("uv 0.13.9"), answer.stderr


def test_a_uv_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    python = str(Path(shutil.which("python3") or "").parent)
    shutil.copy(PROJECT / "sandbox" / "uv.sh", tmp_path)
    pinned = (PROJECT / "sandbox" / "uv.txt").read_text()
    (tmp_path / "uv.txt").write_text(re.sub("sha256:.{8}", "sha256:00000000", pinned))
    answer = subprocess.run(
        [tmp_path / "uv.sh", "--version"],
        env={"PATH": f"{python}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path), "HOME": "/root"},
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "another hash" in answer.stderr
    assert [*(tmp_path / "tenant-nats").iterdir()] == []
