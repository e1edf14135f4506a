"""The web configuration file: what is used of it, and what is refused by its key."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.web.config import WebConfigError
from ray_watcher_common.web.config_reader import read
from support.certificates import self_signed

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2b$04$" + "a" * 53
TLS = "tls_server_config:\n  cert_file: ca.pem\n  key_file: key.pem\n"


def written(directory: Path, text: str) -> Path:
    self_signed(directory)
    file = directory / "web.yml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("text", ["", "# nothing\n", "basic_auth_users: {}\n", "{}\n"])
def test_a_file_without_anything_changes_nothing(tmp_path: Path, text: str) -> None:
    found = read(written(tmp_path, text))

    assert (found.context, found.users, found.headers, found.scheme) == (None, {}, {}, "http")


def test_prometheus_own_example_is_understood(tmp_path: Path) -> None:
    text = f"""{TLS}  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example]
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: sameorigin
basic_auth_users:
  prometheus: {HASH}
"""
    found = read(written(tmp_path, text))

    assert found.context
    assert found.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert not found.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert found.client_names == {"prometheus.example"}
    assert found.users == {"prometheus": HASH}
    assert found.headers == {"Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "sameorigin"}
    assert {file.name for file in found.files} == {"web.yml", "ca.pem", "key.pem"}


def test_without_suites_and_clients_the_defaults_of_the_tls_library_hold(tmp_path: Path) -> None:
    found = read(written(tmp_path, TLS))

    assert found.context
    assert (found.context.minimum_version, found.context.verify_mode) == (ssl.TLSVersion.TLSv1_2, ssl.CERT_NONE)
    assert not found.verifies_clients


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        pytest.param("tls_server_confg: {}\n", 1, "tls_server_confg", id="an unknown section"),
        pytest.param(TLS + "  cert_fil: x\n", 4, "cert_fil", id="an unknown key"),
        pytest.param("tls_server_config: {cert_file: ca.pem}\n", 1, "key_file", id="no key"),
        pytest.param("tls_server_config: {}\n", 1, "cert_file", id="no certificate"),
        pytest.param("tls_server_config: yes\n", 1, "tls_server_config", id="no section"),
        pytest.param(TLS.replace("ca.pem", "no.pem"), 2, "cert_file", id="no such certificate"),
        pytest.param(TLS.replace("key.pem", "."), 3, "key_file", id="a directory for a key"),
        pytest.param(TLS.replace("key.pem", "ca.pem"), 2, "cert_file", id="no key in the file"),
        pytest.param(TLS.replace("ca.pem", "web.yml"), 2, "cert_file", id="no certificate in the file"),
        pytest.param(TLS + "  client_ca_file: ca.pem\n", 1, "client_ca_file", id="a CA for nobody"),
        pytest.param(TLS + "  client_auth_type: RequireAndVerifyClientCert\n", 1, "client_ca_file", id="no CA"),
        pytest.param(TLS + "  client_auth_type: RequireAnyClientCert\n", 4, "client_auth_type", id="unverified"),
        pytest.param(
            TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: key.pem\n",
            5,
            "client_ca_file",
            id="a CA that is none",
        ),
        pytest.param(TLS + "  client_allowed_sans: [a]\n", 1, "client_ca_file", id="names of unverified clients"),
        pytest.param(TLS + "  min_version: TLS10\n", 4, "min_version", id="an old version"),
        pytest.param(TLS + "  min_version: TLS13\n  max_version: TLS12\n", 1, "min_version", id="no version at all"),
        pytest.param(TLS + "  cipher_suites: [TLS_MAGIC]\n", 4, "TLS_MAGIC", id="an unknown suite"),
        pytest.param(TLS + "  curve_preferences: [X25519]\n", 4, "curve_preferences", id="curves"),
        pytest.param("tls_server_config: {cert: x, key_file: k, cert_file: c}\n", 1, "cert", id="a certificate inline"),
        pytest.param("rate_limit: {interval: 1s}\n", 1, "rate_limit", id="limits"),
        pytest.param("http_server_config: {headers: {X-Mine: a}}\n", 1, "X-Mine", id="a header of one's own"),
        pytest.param(
            'http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb"}}\n', 1, "X-XSS-Protection", id="two headers"
        ),
        pytest.param("http_server_config: {headers: {X-Frame-Options: no}}\n", 1, "X-Frame-Options", id="a bad value"),
        pytest.param("basic_auth_users: {me: secret}\n", 1, "basic_auth_users.me", id="a password in clear"),
        pytest.param(f"basic_auth_users: {{me: $2b$31$' {HASH[7:]}}}\n", 1, "basic_auth_users.me", id="not a hash"),
        pytest.param(f"basic_auth_users: {{me: $2b$31${HASH[7:]}}}\n", 1, "basic_auth_users.me", id="hours to check"),
        pytest.param(f'basic_auth_users: {{"a:b": {HASH}}}\n', 1, "basic_auth_users", id="a colon in a name"),
        pytest.param(f"basic_auth_users: {{12: {HASH}}}\n", 1, "basic_auth_users[12]", id="a number for a name"),
        pytest.param("basic_auth_users: [a]\n", 1, "basic_auth_users", id="a list of users"),
        pytest.param("- a\n", 1, "got", id="a list"),
        pytest.param("basic_auth_users: {}\nbasic_auth_users: {}\n", 2, "basic_auth_users", id="a key twice"),
        pytest.param("a: [\n", 2, "YAML", id="no YAML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_key_and_line(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(WebConfigError) as refused:
        read(written(tmp_path, text), "web.yml")

    assert key in str(refused.value)
    assert {found.line for found in refused.value.findings} == {line}
    assert {found.path for found in refused.value.findings} == {"web.yml"}


def test_a_password_in_clear_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(WebConfigError) as refused:
        read(written(tmp_path, "basic_auth_users: {me: hunter2}\n"))

    assert "hunter2" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WebConfigError, match=str(tmp_path)):
        read(tmp_path / "web.yml")
