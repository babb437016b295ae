"""For which name the certificate of a server in the sandbox is."""

from pathlib import Path

from sandbox import certificates


def test_a_certificate_is_for_the_name_that_it_was_made_for_and_for_no_other(
    tmp_path: Path,
) -> None:
    name = "nats-globex-1.vrsky-tenants.svc.cluster.local"
    assert not certificates.is_for(tmp_path, name), "there is none yet"
    certificates.ensure(tmp_path, tmp_path / "ca.crt", name)
    assert certificates.is_for(tmp_path, name)
    assert not certificates.is_for(tmp_path, name.replace("cluster.local", "corp.example"))
