"""Our few messages against the ones of the Ray that is installed: same numbers, same types, same method."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter.sources import gcs, gcs_pb2
from scaler.clients import drain_pb2
from scaler.clients.gcs import DRAIN_NODE

# In a process of its own: importing Ray warns, and it brings its own gRPC.
DESCRIBE_RAY = """
import json
from ray.core.generated import autoscaler_pb2, common_pb2, gcs_service_pb2
def kind(field):
    nested = field.message_type or field.enum_type
    return nested.name if nested else field.type
messages, enums = {}, {}
for file in (autoscaler_pb2.DESCRIPTOR, common_pb2.DESCRIPTOR, gcs_service_pb2.DESCRIPTOR):
    todo = list(file.message_types_by_name.values())
    for message in todo:
        todo.extend(message.nested_types)
        messages.setdefault(message.name, {f.name: [f.number, kind(f), bool(f.is_repeated)] for f in message.fields})
    for enum in file.enum_types_by_name.values():
        enums.setdefault(enum.name, {v.name: v.number for v in enum.values})
services = autoscaler_pb2.DESCRIPTOR.services_by_name, gcs_service_pb2.DESCRIPTOR.services_by_name
methods = {
    f"/{service.full_name}/{m.name}": [m.input_type.name, m.output_type.name]
    for by_name in services for service in by_name.values() for m in service.methods
}
print(json.dumps([messages, enums, methods]))
"""


PROTO = Path(gcs.__file__).with_name("gcs.proto")
OURS = (gcs_pb2.DESCRIPTOR, drain_pb2.DESCRIPTOR)
METHODS = {
    gcs.METHOD: ["GetClusterResourceStateRequest", "GetClusterResourceStateReply"],
    gcs.KV_METHOD: ["InternalKVGetRequest", "InternalKVGetReply"],
    DRAIN_NODE: ["DrainNodeRequest", "DrainNodeReply"],
}


@pytest.fixture(scope="module")
def ray() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Messages, enums and methods of the installed Ray."""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DESCRIBE_RAY], capture_output=True, text=True, check=True, timeout=60
    )
    messages, enums, methods = json.loads(said.stdout.splitlines()[-1])
    return messages, enums, methods


def ours() -> list[Any]:
    """All our messages, map entries too."""
    todo = [message for file in OURS for message in file.message_types_by_name.values()]
    for message in todo:
        todo.extend(message.nested_types)
    return todo


def kind(field: Any) -> Any:
    """The name of a message or enum, else the number of the scalar type."""
    nested = field.message_type or field.enum_type
    return nested.name if nested else field.type


@pytest.mark.parametrize("message", ours(), ids=lambda message: message.name)
def test_every_field_we_read_is_rays_own(message: Any, ray: tuple[dict[str, Any], ...]) -> None:
    theirs = ray[0][message.name]

    for field in message.fields:
        assert [field.number, kind(field), bool(field.is_repeated)] == theirs[field.name], field.name


@pytest.mark.parametrize(
    "enum", [enum for file in OURS for enum in file.enum_types_by_name.values()], ids=lambda enum: enum.name
)
def test_every_enum_has_rays_own_members_and_all_of_them(enum: Any, ray: tuple[dict[str, Any], ...]) -> None:
    assert {value.name: value.number for value in enum.values} == ray[1][enum.name]


def test_each_field_of_rays_reply_is_read_or_said_to_be_left_out(ray: tuple[dict[str, Any], ...]) -> None:
    text, todo, unmentioned = PROTO.read_text(encoding="utf-8"), ["GetClusterResourceStateReply"], []
    for message in todo:
        fields = ray[0].get(message, {})
        unmentioned += [f"{message}.{name}" for name in fields if not re.search(rf"\b{name}\b", text)]
        todo += [kind for _, kind, _ in fields.values() if isinstance(kind, str) and kind not in todo]

    assert len(todo) > 10
    assert unmentioned == []


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_rays_own(method: str, ray: tuple[dict[str, Any], ...]) -> None:
    assert ray[2][method] == METHODS[method]


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_our_package_is_not_rays_so_that_both_fit_in_one_process(file: Any) -> None:
    assert file.package.startswith("raywatcher.")
