"""What the socket proxy passes on to the Docker Engine, and what it refuses."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from scaler.providers.container import archive
from scaler.socket_proxy.admission import admitted, is_worker
from scaler.socket_proxy.descriptions import Limits, RefusedError

LIMITS = Limits("default", frozenset({"ray:1"}), "ray-cluster")
LABELS = {"ray-watcher.cluster": "default", "ray-watcher.worker-id": "worker-1-abcdef", "ray-watcher.index": "1"}
HOST: dict[str, Any] = {"NetworkMode": "ray-cluster", "Init": True, "Memory": 1 << 30, "NanoCpus": 1_000_000_000}
WORKER: dict[str, Any] = {"Image": "ray:1", "Cmd": ["ray", "start"], "Labels": LABELS, "HostConfig": HOST}
FILES = archive({"/run/ray-watcher/ray-token": "secret"}, 1000)


def created(body: object, name: str = "ray-worker-1") -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = admitted("POST", "/v1.41/containers/create", {"name": name}, raw, LIMITS)
    described: dict[str, Any] = json.loads(call.body)
    return described


def test_a_worker_is_written_anew_and_always_confined() -> None:
    assert created(WORKER) == {
        "Image": "ray:1",
        "Cmd": ["ray", "start"],
        "Env": [],
        "Labels": LABELS,
        "ExposedPorts": {},
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "NetworkDisabled": False,
        "HostConfig": {
            **HOST,
            "PortBindings": {},
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
        },
    }


GPUS = {"Driver": "", "Count": 1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}


@pytest.mark.parametrize(
    "host",
    [
        pytest.param({"DeviceRequests": [GPUS]}, id="GPUs"),
        pytest.param({"PidsLimit": 99, "LogConfig": {"Type": "json-file", "Config": {"max-size": "9m"}}}, id="limits"),
        pytest.param({"CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"]}, id="confined already"),
    ],
)
def test_what_a_worker_needs_is_let_through(host: dict[str, Any]) -> None:
    passed = created({**WORKER, "HostConfig": {**HOST, **host}})["HostConfig"]
    assert host.keys() <= passed.keys()


@pytest.mark.parametrize(
    "host",
    [
        {"Binds": ["/:/host"]},
        {"Bind\u017f": ["/:/host"]},
        {"binds": ["/:/host"]},
        {"BINDS": []},
        {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
        {"VolumesFrom": ["other"]},
        {"VolumeDriver": "x"},
        {"Privileged": True},
        {"Privileged": False},
        {"privileged": True},
        {"CapAdd": ["SYS_ADMIN"]},
        {"SecurityOpt": ["seccomp=unconfined"]},
        {"SecurityOpt": ["no-new-privileges:false"]},
        {"Devices": [{"PathOnHost": "/dev/sda"}]},
        {"DeviceCgroupRules": ["a *:* rwm"]},
        {"DeviceRequests": [{**GPUS, "Capabilities": [["gpu", "x"]]}]},
        {"DeviceRequests": [{**GPUS, "Driver": "cdi"}]},
        {"NetworkMode": "host"},
        {"NetworkMode": "container:abc"},
        {"NetworkMode": "monitoring"},
        {"PidMode": "host"},
        {"IpcMode": "host"},
        {"UTSMode": "host"},
        {"UsernsMode": "host"},
        {"CgroupnsMode": "host"},
        {"CgroupParent": "/"},
        {"Runtime": "other"},
        {"Sysctls": {"net.ipv4.ip_forward": "1"}},
        {"MaskedPaths": []},
        {"ReadonlyPaths": []},
        {"Tmpfs": {"/run": ""}},
        {"LogConfig": {"Type": "syslog", "Config": {}}},
        {"LogConfig": {"Type": "json-file", "Config": {"labels": "x"}}},
        {"PortBindings": {"22/tcp": [{"HostPort": "22"}]}},
        {"PidsLimit": -1},
        {"Memory": "1g"},
        {"RestartPolicy": {"Name": "always"}},
        {"OomKillDisable": True},
        {"GroupAdd": ["docker"]},
        {"ContainerIDFile": "/x"},
        {"Links": ["a:b"]},
        {"ExtraHosts": ["a:1"]},
        {"StorageOpt": {"size": "1g"}},
    ],
    ids=json.dumps,
)
def test_no_worker_gets_hold_of_the_host(host: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        created({**WORKER, "HostConfig": {**HOST, **host}})


@pytest.mark.parametrize(
    "change",
    [
        {"Image": "other"},
        {"Image": ["ray:1"]},
        {"User": "0"},
        {"Volumes": {"/x": {}}},
        {"WorkingDir": "/"},
        {"OnBuild": ["x"]},
        {"Healthcheck": {"Test": ["CMD", "x"]}},
        {"NetworkingConfig": {"EndpointsConfig": {"monitoring": {}}}},
        {"Labels": {**LABELS, "ray-watcher.cluster": "other"}},
        {"Labels": {**LABELS, "ray-watcher.head": "true"}},
        {"Labels": {**LABELS, "ray-watcher.worker-id": "head"}},
        {"Labels": {}},
        {"Tty": True},
        {"AttachStdin": True},
        {"Cmd": "sh"},
        {"HostConfig": None},
    ],
    ids=json.dumps,
)
def test_no_container_but_a_worker_of_the_cluster_is_made(change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        created({**WORKER, **change})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"Image": "ray:1", "Image": "other"}', id="a key twice"),
        pytest.param(b"[" * 100_000, id="nested deeply"),
        pytest.param(b"\xff", id="no UTF-8"),
        pytest.param(json.dumps(WORKER).encode() + b"{}", id="two documents"),
        pytest.param(json.dumps(WORKER).replace("NetworkMode", "Network\\u0000Mode").encode(), id="an odd key"),
    ],
)
def test_a_body_that_is_no_description_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        created(body)


@pytest.mark.parametrize(
    "name", ["", "ray-worker", "ray-head", "ray-worker-x", "exporter", "../ray-worker-1", "ray-other-worker-1"]
)
def test_only_names_of_workers_are_given(name: str) -> None:
    with pytest.raises(RefusedError):
        created(WORKER, name)
    with pytest.raises(RefusedError):
        admitted("POST", "/v1.41/containers/abc/rename", {"name": name}, b"", LIMITS)


@pytest.mark.parametrize(
    ("method", "path", "query", "target"),
    [
        ("GET", "/_ping", {}, "/_ping"),
        ("GET", "/version", {}, "/version"),
        ("GET", "/v1.41/info", {}, "/v1.41/info"),
        ("GET", "/v1.41/containers/abc/json", {"size": "1"}, "/v1.41/containers/abc/json"),
        (
            "GET",
            "/v1.41/containers/abc/logs",
            {"tail": "20", "follow": "0", "since": "1"},
            "/v1.41/containers/abc/logs?stdout=1&stderr=1&tail=20",
        ),
        ("POST", "/v1.41/containers/abc/start", {"checkpoint": "x"}, "/v1.41/containers/abc/start"),
        ("POST", "/v1.41/containers/abc/stop", {"t": "35", "signal": "x"}, "/v1.41/containers/abc/stop?t=35"),
        (
            "POST",
            "/v1.41/containers/abc/rename",
            {"name": "ray-warm-2"},
            "/v1.41/containers/abc/rename?name=ray-warm-2",
        ),
        ("DELETE", "/v1.41/containers/abc", {"v": "True", "force": "True"}, "/v1.41/containers/abc?v=1&force=1"),
    ],
)
def test_what_the_scaler_asks_is_passed_on_without_what_it_does_not_need(
    method: str, path: str, query: dict[str, str], target: str
) -> None:
    call = admitted(method, path, query, b'{"Binds": ["/:/host"]}', LIMITS)

    assert (call.target, call.body) == (target, b"")
    assert (call.subject is not None) is ("/containers/" in path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1.23/containers/abc/start"),
        ("GET", "/v1.12/containers/json"),
        ("POST", "/v1.41/containers/abc/exec"),
        ("POST", "/v1.41/exec/abc/start"),
        ("POST", "/v1.41/containers/abc/update"),
        ("POST", "/v1.41/containers/abc/kill"),
        ("POST", "/v1.41/containers/abc/attach"),
        ("GET", "/v1.41/containers/abc/archive"),
        ("GET", "/v1.41/containers/abc/export"),
        ("GET", "/v1.41/containers/abc/top"),
        ("POST", "/v1.41/containers/prune"),
        ("POST", "/v1.41/commit"),
        ("GET", "/v1.41/images/json"),
        ("POST", "/v1.41/images/create"),
        ("POST", "/v1.41/build"),
        ("POST", "/v1.41/auth"),
        ("GET", "/v1.41/volumes"),
        ("POST", "/v1.41/networks/create"),
        ("GET", "/v1.41/networks"),
        ("POST", "/v1.41/swarm/init"),
        ("GET", "/v1.41/secrets"),
        ("POST", "/v1.41/plugins/pull"),
        ("GET", "/v1.41/events"),
        ("GET", "/v1.41/system/df"),
        ("POST", "/session"),
        ("POST", "/v1.41/_ping"),
        ("GET", "//v1.41/containers/json"),
        ("GET", "/v1.41/../containers/json"),
        ("GET", "/v1.41/containers/abc/../x/json"),
        ("GET", "/v1.41/containers/%2e/json"),
        ("GET", "/"),
        ("OPTIONS", "/v1.41/containers/json"),
    ],
)
def test_nothing_else_is_passed_on(method: str, path: str) -> None:
    with pytest.raises(RefusedError):
        admitted(method, path, {"name": "ray-worker-1"}, json.dumps(WORKER).encode(), LIMITS)


@pytest.mark.parametrize(
    ("filters", "asked"),
    [
        ('{"label": ["ray-watcher.worker-id=x"]}', ["ray-watcher.worker-id=x"]),
        ('{"label": [3, null]}', []),
        ('{"status": ["running"]}', []),
        ("[]", []),
        ("", []),
    ],
)
def test_a_list_is_always_of_workers_of_the_cluster(filters: str, asked: list[str]) -> None:
    call = admitted("GET", "/v1.41/containers/json", {"filters": filters, "size": "1"}, b"", LIMITS)

    assert json.loads(call.query["filters"]) == {
        "label": ["ray-watcher.cluster=default", "ray-watcher.worker-id", *asked]
    }


def test_who_holds_a_workers_name_is_told_and_no_more_of_them() -> None:
    query = {"filters": json.dumps({"name": ["^/ray\\-worker\\-1$"]})}
    call = admitted("GET", "/v1.41/containers/json", query, b"", LIMITS)
    other = {"Id": "1", "Names": ["/ray-worker-1"], "Image": "x", "State": "running", "Status": "Up", "Created": 1}

    assert call.shown
    assert call.shown([{**other, "Labels": {"secret": "x"}, "Mounts": [{}], "Command": "sh"}]) == [
        {**other, "Labels": {}}
    ]
    hidden = admitted("GET", "/v1.41/containers/json", {"filters": '{"name": ["^/postgres$"]}'}, b"", LIMITS)
    assert "label" in json.loads(hidden.query["filters"])


def test_an_inspected_worker_shows_neither_its_environment_nor_its_mounts() -> None:
    call = admitted("GET", "/v1.41/containers/abc/json", {}, b"", LIMITS)
    config = {"User": "ray", "Tty": False, "Labels": LABELS, "Image": "ray:1", "Env": ["A=secret"]}

    assert call.shown
    assert call.shown(
        {"Id": "1", "Name": "/w", "Created": "t", "State": {"Pid": 1}, "Config": config, "Mounts": []}
    ) == {
        "Id": "1",
        "Name": "/w",
        "Created": "t",
        "State": {"Pid": 1},
        "Config": {"User": "ray", "Tty": False, "Labels": LABELS, "Image": "ray:1"},
    }


@pytest.mark.parametrize(
    ("name", "worker"),
    [
        pytest.param("/ray-worker-1", True, id="a worker's"),
        pytest.param("/ray-warm-1", True, id="a warm worker's"),
        pytest.param("/ray-worker-2", False, id="of another number than its label"),
        pytest.param("/quirky_hopper", False, id="of a foreign image with our labels"),
        pytest.param("/ray-worker-1x", False, id="one that begins like a worker's"),
        pytest.param("/x/ray-worker-1", False, id="a link's"),
        pytest.param("", False, id="none"),
    ],
)
def test_a_worker_is_known_by_its_name_too(name: str, worker: bool) -> None:
    assert is_worker({"Config": {"Labels": LABELS}, "Name": name}, LIMITS) is worker


def test_of_a_workers_files_the_list_of_users_alone_is_read() -> None:
    call = admitted("GET", "/v1.41/containers/abc/archive", {"path": "/etc/passwd", "x": "y"}, b"", LIMITS)

    assert (call.target, call.subject) == ("/v1.41/containers/abc/archive?path=%2Fetc%2Fpasswd", "abc")
    assert call.largest


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/passwd/", "/run/ray-watcher/ray-token", "/etc/../etc/passwd", ""]
)
def test_no_other_file_is_read(path: str) -> None:
    with pytest.raises(RefusedError, match="path"):
        admitted("GET", "/v1.41/containers/abc/archive", {"path": path}, b"", LIMITS)


@pytest.mark.parametrize(
    ("labels", "worker"),
    [
        (LABELS, True),
        ({**LABELS, "ray-watcher.cluster": "other"}, False),
        ({"ray-watcher.cluster": "default", "ray-watcher.program": "scaler"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_worker_is_known_by_both_labels(labels: dict[str, str] | None, worker: bool) -> None:
    assert is_worker({"Config": {"Labels": labels}, "Name": "/ray-worker-1"}, LIMITS) is worker


def packed(*entries: tarfile.TarInfo) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as made:
        for entry in entries:
            made.addfile(entry, io.BytesIO(b"x" * entry.size))
    return target.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, **changes: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in changes.items():
        setattr(made, key, value)
    return made


def put(body: bytes, path: str = "/") -> bytes:
    return admitted("PUT", "/v1.41/containers/abc/archive", {"path": path}, body, LIMITS).body


def test_files_of_a_worker_keep_owner_and_mode_but_no_special_bits() -> None:
    with tarfile.open(fileobj=io.BytesIO(put(FILES))) as passed:
        assert [(e.name, e.isreg(), e.mode, e.uid) for e in passed] == [
            ("run/ray-watcher", False, 0o755, 0),
            ("run/ray-watcher/ray-token", True, 0o600, 1000),
        ]
    with tarfile.open(fileobj=io.BytesIO(put(packed(entry("run/ray-watcher/x", mode=0o4777))))) as passed:
        assert [e.mode for e in passed] == [0o755]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(packed(entry("etc/passwd")), id="elsewhere"),
        pytest.param(packed(entry("run/ray-watcher/../../etc/passwd")), id="upwards"),
        pytest.param(packed(entry("/run/ray-watcher/x")), id="from the root"),
        pytest.param(packed(entry("run/ray-watcher/x", tarfile.SYMTYPE, linkname="/etc")), id="a link"),
        pytest.param(packed(entry("run/ray-watcher/x", tarfile.LNKTYPE, linkname="etc/passwd")), id="a hard link"),
        pytest.param(packed(entry("run/ray-watcher/x", tarfile.CHRTYPE)), id="a device"),
        pytest.param(packed(entry("run/ray-watcher/x", tarfile.FIFOTYPE)), id="a pipe"),
        pytest.param(packed(entry("run/ray-watcher/x", size=2_000_000)), id="too large"),
        pytest.param(b"no archive" * 100, id="no archive"),
    ],
)
def test_other_files_are_refused(body: bytes) -> None:
    with pytest.raises(RefusedError):
        put(body)


def test_files_are_put_from_the_root_only() -> None:
    with pytest.raises(RefusedError):
        put(FILES, "/etc")
