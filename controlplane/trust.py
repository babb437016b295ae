"""Where the certificate authorities are that this machine trusts, for `sslrootcert=system`.

libpq leaves "system" to OpenSSL, and the OpenSSL in psycopg's wheels looks into a folder of its own
that exists nowhere: every certificate would be refused.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat, Fedora, Amazon Linux
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def with_system_certificates(dsn: str, environment: Mapping[str, str] = os.environ) -> str:
    """`dsn`, with the system's bundle in the place of `sslrootcert=system`.

    As libpq says of `system`, the server's name is then checked too (`sslmode=verify-full`). Where
    SSL_CERT_FILE or SSL_CERT_DIR is set, OpenSSL finds them by itself.
    """
    try:
        parts = conninfo_to_dict(dsn)
    except (ProgrammingError, UnicodeError):
        return dsn  # psycopg says what is wrong with it
    if parts.get("sslrootcert") != "system" or parts.get("sslmode", _WHOLE) != _WHOLE:
        return dsn
    if environment.get("SSL_CERT_FILE") or environment.get("SSL_CERT_DIR"):
        return dsn
    bundle = next(iter(_bundles()), None)
    return make_conninfo(dsn, sslrootcert=bundle, sslmode=_WHOLE) if bundle else dsn


_WHOLE = "verify-full"


def _bundles() -> list[str]:
    """The files with certificate authorities that are there, the system's own choice first."""
    found = [ssl.get_default_verify_paths().cafile, *_BUNDLES]
    return [each for each in found if each and Path(each).is_file()]
