"""Which requests are passed on to the Docker Engine, and as what. Pure.

A request is read into a `Call`; `subject` is the container that it is about, which has to be a worker of the cluster.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from scaler.model.workers import WORKER_ID
from scaler.providers.docker import is_worker_name
from scaler.providers.worker_container import CLUSTER_LABEL, WORKER_ID_LABEL, container_name, index_of
from scaler.socket_proxy.descriptions import RefusedError, described

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scaler.socket_proxy.descriptions import Limits

    Query = Mapping[str, str]

PATH = re.compile(r"(?:/v1\.(?P<minor>\d{1,3}))?(?P<rest>/[a-zA-Z0-9_./-]*)")
OLDEST_MINOR = 40  # Docker 19.03; before 1.24 a start took a description of its own
CONTAINER = re.compile(r"/containers/(?P<name>[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254})(?:/(?P<verb>[a-z]+))?")
FILES = re.compile(r"run/ray-watcher/[a-zA-Z0-9_.-]+")  # where a worker finds its token and its program
LARGEST_FILES_BYTES = 1024 * 1024
USERS_PATH = "/etc/passwd"
LONGEST_STOP_SECONDS = 600
MOST_LINES = 1000
LISTED = ("Id", "Names", "Image", "State", "Status", "Created")
INSPECTED = {"Id": None, "Name": None, "Created": None, "State": None, "Config": ("User", "Tty", "Labels", "Image")}


@dataclass(frozen=True)
class Call:
    """What the engine is asked; `shown` makes of its JSON what the scaler may see, None passes the reply on."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    subject: str | None = None
    shown: Callable[[Any], Any] | None = None
    patience: float = 0.0  # seconds beyond the usual ones
    largest: int | None = None  # bytes of the reply that are passed on

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def admitted(method: str, path: str, query: Query, body: bytes, limits: Limits) -> Call:
    """What to ask the engine for this request. Raises `RefusedError`."""
    match = PATH.fullmatch(path)
    if match is None or (match["minor"] is not None and int(match["minor"]) < OLDEST_MINOR):
        raise RefusedError(f"path {path!r}; API versions before 1.{OLDEST_MINOR} are not served")
    version, rest = f"/v1.{match['minor']}" if match["minor"] else "", match["rest"]
    if method in ("GET", "HEAD") and rest in _ABOUT:
        return Call(method, f"{version}{rest}", shown=_ABOUT[rest])
    if (method, rest) == ("GET", "/containers/json"):
        return Call("GET", f"{version}{rest}", _listing(query, limits), shown=lambda found: _listed(found, limits))
    if (method, rest) == ("POST", "/containers/create"):
        worker = json.dumps(described(body, limits)).encode()
        return Call("POST", f"{version}{rest}", {"name": _name(query, limits)}, worker, "application/json")
    about = CONTAINER.fullmatch(rest)
    rule = _RULES.get((method, about["verb"])) if about else None
    if about is None or rule is None:
        raise RefusedError(f"{method} {rest}")
    return rule(Call(method, f"{version}{rest}", subject=about["name"]), query, body, limits)


def is_worker(inspected: Mapping[str, Any], limits: Limits) -> bool:
    """Whether the inspected container is a worker of the cluster."""
    name = str(inspected.get("Name", "")).lstrip("/")
    return _is_worker(inspected["Config"].get("Labels") or {}, [name], limits)


def _is_worker(labels: Mapping[str, str], names: Sequence[str], limits: Limits) -> bool:
    """By its labels, and by a name: labels come from images too."""
    labelled = labels.get(CLUSTER_LABEL) == limits.cluster and WORKER_ID.match(labels.get(WORKER_ID_LABEL, ""))
    index = index_of(labels)
    return bool(labelled) and any(is_worker_name(name, limits.cluster) and name.endswith(f"-{index}") for name in names)


# --- about the engine, lists and names -------------------------------------------------------------------


def _only(*keys: str) -> Callable[[Any], Any]:
    return lambda found: {key: found[key] for key in keys if key in found}


_ABOUT: dict[str, Callable[[Any], Any] | None] = {
    "/_ping": None,
    "/version": _only("ApiVersion", "MinAPIVersion", "Version", "Os", "Arch"),
    "/info": _only("NCPU", "MemTotal", "ServerVersion"),
}


def _listing(query: Query, limits: Limits) -> dict[str, str]:
    """Workers of the cluster by their labels, or the holder of one of their names."""
    try:
        filters = json.loads(query.get("filters") or "{}")
    except (ValueError, RecursionError):
        raise RefusedError("filters: no JSON document") from None
    names = filters.get("name") if isinstance(filters, dict) else None
    if isinstance(names, list) and len(names) == 1 and _is_own_name(str(names[0]), limits):
        return {"all": "1", "filters": json.dumps({"name": names})}
    labels = filters.get("label", []) if isinstance(filters, dict) else []
    wanted = [label for label in labels if isinstance(label, str)] if isinstance(labels, list) else []
    return {
        "all": "1",
        "filters": json.dumps({"label": [f"{CLUSTER_LABEL}={limits.cluster}", WORKER_ID_LABEL, *wanted]}),
    }


def _is_own_name(pattern: str, limits: Limits) -> bool:
    """Whether a filter `^/NAME$` asks for a name that only our workers should have."""
    name = pattern.removeprefix("^/").removesuffix("$").replace("\\-", "-").replace("\\.", ".")
    return pattern.startswith("^/") and pattern.endswith("$") and _names(limits).fullmatch(name) is not None


def _listed(found: Any, limits: Limits) -> Any:
    """A list without the labels, commands and mounts of others."""
    shown = []
    for entry in found:
        labels = entry.get("Labels") or {}
        ours = _is_worker(labels, [name.lstrip("/") for name in entry.get("Names") or []], limits)
        shown.append({**_only(*LISTED)(entry), "Labels": labels if ours else {}})
    return shown


def _names(limits: Limits) -> re.Pattern[str]:
    roles = "|".join(re.escape(container_name(limits.cluster, role)) for role in ("worker", "warm"))
    return re.compile(rf"(?:{roles})-\d{{1,9}}")


def _name(query: Query, limits: Limits) -> str:
    name = query.get("name", "")
    if not _names(limits).fullmatch(name):
        raise RefusedError(f"name {name!r}: wanted {container_name(limits.cluster, 'worker')}-N")
    return name


# --- about one worker ------------------------------------------------------------------------------------


def _number(query: Query, key: str, most: int) -> int:
    text = query.get(key, "0")
    if not re.fullmatch(r"\d{1,9}", text) or int(text) > most:
        raise RefusedError(f"{key}: got {text!r}, wanted 0 to {most}")
    return int(text)


def _inspect(call: Call, _query: Query, _body: bytes, _limits: Limits) -> Call:
    def shown(found: Any) -> Any:
        known = {key: found.get(key) for key in INSPECTED}
        return {**known, "Config": _only(*(INSPECTED["Config"] or ()))(found["Config"])}

    return replace(call, shown=shown)


def _logs(call: Call, query: Query, _body: bytes, _limits: Limits) -> Call:
    if query.get("follow", "0") not in ("0", "false", "False"):
        raise RefusedError("logs: following them is not needed")
    lines = _number(query, "tail", MOST_LINES) if query.get("tail") != "all" else MOST_LINES
    return replace(call, query={"stdout": "1", "stderr": "1", "tail": str(lines)})


def _start(call: Call, _query: Query, _body: bytes, _limits: Limits) -> Call:
    return call  # without the body: old versions of the API took a description there


def _stop(call: Call, query: Query, _body: bytes, _limits: Limits) -> Call:
    seconds = _number(query, "t", LONGEST_STOP_SECONDS)
    return replace(call, query={"t": str(seconds)}, patience=float(seconds))


def _rename(call: Call, query: Query, _body: bytes, limits: Limits) -> Call:
    return replace(call, query={"name": _name(query, limits)})


def _remove(call: Call, query: Query, _body: bytes, _limits: Limits) -> Call:
    force = query.get("force", "").lower() in ("1", "true")
    return replace(call, query={"v": "1", "force": "1" if force else "0"})


def _put(call: Call, query: Query, body: bytes, _limits: Limits) -> Call:
    if query.get("path") != "/":
        raise RefusedError(f"path: got {query.get('path')!r}, wanted '/'")
    return replace(call, query={"path": "/"}, body=_repacked(body), content_type="application/x-tar")


def _get(call: Call, query: Query, _body: bytes, _limits: Limits) -> Call:
    """The list of users, by which the scaler finds the id of the one that a worker runs as."""
    if query.get("path") != USERS_PATH:
        raise RefusedError(f"path: got {query.get('path')!r}, wanted {USERS_PATH!r}")
    return replace(call, query={"path": USERS_PATH}, largest=LARGEST_FILES_BYTES)


_RULES: dict[tuple[str, str | None], Callable[[Call, Query, bytes, Limits], Call]] = {
    ("GET", "json"): _inspect,
    ("GET", "logs"): _logs,
    ("POST", "start"): _start,
    ("POST", "stop"): _stop,
    ("POST", "rename"): _rename,
    ("DELETE", None): _remove,
    ("PUT", "archive"): _put,
    ("GET", "archive"): _get,
}


def _repacked(archive: bytes) -> bytes:
    """The archive's plain files below the workers' directory, repacked: no links, devices, or set-user-id bits."""
    target = io.BytesIO()
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as given, tarfile.open(fileobj=target, mode="w") as made:
            for entry in given:
                _repack(given, entry, made)
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise RefusedError(f"archive: {error}") from None
    return target.getvalue()


def _repack(given: tarfile.TarFile, entry: tarfile.TarInfo, made: tarfile.TarFile) -> None:
    if entry.isdir() and entry.name.strip("/") == "run/ray-watcher":
        directory = tarfile.TarInfo("run/ray-watcher")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        made.addfile(directory)
        return
    if not entry.isreg() or not FILES.fullmatch(entry.name) or entry.size > LARGEST_FILES_BYTES:
        raise RefusedError(f"archive: {entry.name!r} is no small file below /run/ray-watcher")
    content = given.extractfile(entry)
    plain = tarfile.TarInfo(entry.name)
    plain.size, plain.mode, plain.uid, plain.gid = entry.size, entry.mode & 0o755, entry.uid, entry.gid
    made.addfile(plain, content)
