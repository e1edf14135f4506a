"""How Prometheus, Alertmanager and scaler ask programs that serve TLS or have users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.doors import Door, exporter_door, scaler_door
from ray_watcher.stack.monitoring import Addresses, alertmanager_text, prometheus_text
from ray_watcher.stack.stack import stack_of
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.program.settings import SettingsError, load
from ray_watcher_common.shipped import shipped_path
from support.certificates import self_signed

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2b$04$" + "a" * 53
TLS = "tls_server_config: {cert_file: ca.pem, key_file: key.pem}\n"
MUTUAL = TLS.replace("}", ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}")
USERS = f"basic_auth_users: {{prometheus: {HASH}}}\n"


def settings(directory: Path, text: str, **more: object) -> OperatorSettings:
    self_signed(directory)
    (directory / "web.yml").write_text(text, encoding="utf-8")
    (directory / "password").write_text("secret", encoding="utf-8")
    web = directory / "web.yml"
    chosen = {"web_config_file": web, "exporter_web_config_file": web, "state_dir": directory, **more}
    return load(OperatorSettings, **chosen)


def asked_as(directory: Path, user: str = "prometheus") -> dict[str, object]:
    return {"exporter_url": f"https://{user}@127.0.0.1:9811", "exporter_password_file": directory / "password"}


def jobs(addresses: Addresses) -> dict[str, dict[str, object]]:
    text = prometheus_text((shipped_path("prometheus") / "prometheus.yml").read_text(encoding="utf-8"), addresses)
    return {job["job_name"]: job for job in yaml_lines.parse(text, "").value["scrape_configs"]}


def webhook(addresses: Addresses) -> dict[str, object]:
    text = alertmanager_text((shipped_path("prometheus") / "alertmanager.yml").read_text(encoding="utf-8"), addresses)
    receivers = yaml_lines.parse(text, "").value["receivers"]
    found: dict[str, object] = next(one for one in receivers if "webhook_configs" in one)["webhook_configs"][0]
    return found


def test_without_web_configurations_nothing_is_added(tmp_path: Path) -> None:
    addresses = stack_of(load(OperatorSettings, state_dir=tmp_path)).addresses

    assert addresses.exporter_door == addresses.scaler_door == Door()
    assert not jobs(addresses)["ray-scaler"].keys() & {"scheme", "tls_config", "basic_auth", "authorization"}


def test_prometheus_asks_with_tls_and_as_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    stack = stack_of(settings(tmp_path, TLS + USERS, **asked_as(tmp_path)))
    found = jobs(stack.addresses)

    tls = {"ca_file": str(tmp_path / "ca.pem")}
    user = {"username": "prometheus", "password_file": str(tmp_path / "password")}
    assert {key: found["ray-exporter"].get(key) for key in ("scheme", "tls_config", "basic_auth")} == {
        "scheme": "https",
        "tls_config": tls,
        "basic_auth": user,
    }
    assert found["ray-scaler"]["authorization"] == {
        "type": "Bearer",
        "credentials_file": str(tmp_path / "watcher/default/webhook-token"),
    }
    assert found["ray-scaler"]["scheme"] == "https"
    assert "scheme" not in found["prometheus"]
    assert stack.environment["WATCHER_EXPORTER_URL"] == "https://prometheus@127.0.0.1:9811"
    assert (stack.url("exporter"), stack.url("scaler")) == ("https://127.0.0.1:9811", "https://127.0.0.1:9812")
    assert stack.url("prometheus") == "http://127.0.0.1:9090"


def test_alertmanager_posts_with_tls_and_the_clients_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("WATCHER_CLIENT_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("WATCHER_CLIENT_KEY_FILE", str(tmp_path / "key.pem"))
    hook = webhook(stack_of(settings(tmp_path, MUTUAL)).addresses)

    assert hook["url"] == "https://127.0.0.1:9812/alerts"
    assert hook["http_config"] == {
        "authorization": {"type": "Bearer", "credentials_file": str(tmp_path / "watcher/default/webhook-token")},
        "tls_config": {
            "ca_file": str(tmp_path / "ca.pem"),
            "cert_file": str(tmp_path / "ca.pem"),
            "key_file": str(tmp_path / "key.pem"),
        },
    }


@pytest.mark.parametrize(
    ("text", "user", "named"),
    [
        pytest.param(USERS, None, "WATCHER_EXPORTER_PASSWORD_FILE", id="no password for its users"),
        pytest.param(USERS, "somebody", "WATCHER_EXPORTER_URL", id="another user"),
        pytest.param(MUTUAL, None, "WATCHER_CLIENT_CERT_FILE", id="no certificate for a client"),
        pytest.param("nonsense: 1\n", None, "WATCHER_EXPORTER_WEB_CONFIG_FILE", id="an unusable file"),
    ],
)
def test_a_stack_that_could_not_ask_its_own_programs_is_refused(
    tmp_path: Path, text: str, user: str | None, named: str
) -> None:
    chosen = settings(tmp_path, text, **(asked_as(tmp_path, user) if user else {}))

    with pytest.raises(SettingsError, match=named):
        exporter_door(chosen)


def test_a_scaler_whose_users_are_known_by_token_needs_no_password(tmp_path: Path) -> None:
    assert scaler_door(settings(tmp_path, USERS)) == Door(wants_token=True)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        pytest.param("http://127.0.0.1:9811", "WATCHER_EXPORTER_URL", id="no user"),
        pytest.param("http://a:b@127.0.0.1:9811", "WATCHER_EXPORTER_URL", id="a password already"),
    ],
)
def test_a_password_file_belongs_to_a_user_of_the_url(tmp_path: Path, url: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        settings(tmp_path, "", exporter_url=url, exporter_password_file=tmp_path / "password")

    assert "a:b" not in str(refused.value)


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ALERTMANAGER_PASSWORD_FILE"):
        load(OperatorSettings, alertmanager_url="http://a@b:9093", alertmanager_password_file=tmp_path / "no")
