"""TLS of a server, as `tls_server_config` of the web configuration file describes it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

VERIFIED = {
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
OF_TLS_13 = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
"""Always offered, here as by Go: https://pkg.go.dev/crypto/tls#Config (CipherSuites)."""


class UnusableTlsError(Exception):
    """`key` of `tls_server_config` has something that TLS cannot use."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Wanted:
    """The keys of `tls_server_config`, with absolute paths."""

    cert_file: Path
    key_file: Path
    client_auth_type: str = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefers_own: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are read."""
        return (self.cert_file, self.key_file, *([self.client_ca_file] if self.client_ca_file else []))


def context(wanted: Wanted) -> ssl.SSLContext:
    """Read the files. Raises `UnusableTlsError`."""
    for key in ("cert_file", "key_file", "client_ca_file"):
        if path := getattr(wanted, key):
            _require_readable(key, path)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = VERSIONS[wanted.min_version], VERSIONS[wanted.max_version]
    try:
        made.load_cert_chain(wanted.cert_file, wanted.key_file, password=_no_passphrase)
    except (ssl.SSLError, _EncryptedError) as error:
        text = f"got {wanted.cert_file} with the key {wanted.key_file}, which do not fit ({_said(error)})"
        raise UnusableTlsError("cert_file", f"{text}; wanted PEM files of a certificate and of its key") from None
    if wanted.client_ca_file:
        try:
            made.load_verify_locations(wanted.client_ca_file)
        except ssl.SSLError as error:
            text = f"got {wanted.client_ca_file}, wanted a PEM file of certificates ({_said(error)})"
            raise UnusableTlsError("client_ca_file", text) from None
        made.verify_mode = VERIFIED[wanted.client_auth_type]
    if not wanted.prefers_own:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if suites := [suite for suite in wanted.cipher_suites if suite not in OF_TLS_13]:
        _set_ciphers(made, suites)
    return made


class _EncryptedError(Exception):
    """The key needs a passphrase, and nobody is there to give it."""


def _no_passphrase() -> str:
    raise _EncryptedError("it is encrypted")


def _require_readable(key: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise UnusableTlsError(key, f"got {path}, which cannot be read: {error.strerror}") from None


def _set_ciphers(made: ssl.SSLContext, suites: list[str]) -> None:
    """One by one first, because OpenSSL overlooks those that it does not know."""
    if unknown := [suite for suite in suites if not _offers(made, suite)]:
        raise UnusableTlsError("cipher_suites", f"got {', '.join(unknown)}, which the TLS library does not offer")
    _offers(made, *suites)


def _offers(made: ssl.SSLContext, *suites: str) -> bool:
    try:
        made.set_ciphers(":".join(map(openssl_name, suites)))
    except ssl.SSLError:
        return False
    return True


def openssl_name(suite: str) -> str:
    """OpenSSL's name of a suite of TLS 1.2 that is named as in Go: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256."""
    name = (
        suite.removeprefix("TLS_RSA_WITH_")
        .removeprefix("TLS_")
        .replace("_WITH_", "-")
        .replace("AES_", "AES")
        .replace("_CBC", "")
    )
    return name.replace("_", "-").replace("POLY1305-SHA256", "POLY1305")


def peer_names(certificate: Any) -> frozenset[str]:
    """The names (DNS, e-mail, IP, URI) of a client's certificate, as `getpeercert` returns it."""
    return frozenset(value for _kind, value in (certificate or {}).get("subjectAltName", ()))


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error)
