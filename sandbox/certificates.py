"""The certificates of the sandbox; in a real cluster, cert-manager or a person makes them.

One authority for a sandbox, and a certificate for each server that speaks TLS. Their keys are worth
nothing outside: they are made on this machine, for servers on 127.0.0.1; `make down` removes them.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFETIME = timedelta(days=365)


def ensure(folder: Path, authority: Path, host: str) -> None:
    """Write `tls.crt` and `tls.key` into `folder`, for `host` and 127.0.0.1.

    Args:
        folder: of one server.
        authority: the certificate of the authority that signs; its key lies beside it. Both are
            made if they are missing.
        host: the name by which clients know the server.
    """
    if not authority.exists():
        key = _new_key(authority.with_suffix(".key"))
        name = _name("tenant-nats sandbox")
        certificate = _unsigned(name, name, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        _write(authority, certificate.sign(key, hashes.SHA256()))
    signer = x509.load_pem_x509_certificate(authority.read_bytes())
    signing_key = serialization.load_pem_private_key(
        authority.with_suffix(".key").read_bytes(), password=None
    )
    assert isinstance(signing_key, ec.EllipticCurvePrivateKey)  # noqa: S101
    certificate = _unsigned(_name("nats-server"), signer.subject, _new_key(folder / "tls.key"))
    names = [x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(folder / "tls.crt", certificate.sign(signing_key, hashes.SHA256()))


def is_for(folder: Path, host: str) -> bool:
    """Whether the certificate in `folder` has `host` among its names."""
    file = folder / "tls.crt"
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return host in names.get_values_for_type(x509.DNSName)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _new_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return key


def _write(file: Path, certificate: x509.Certificate) -> None:
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
