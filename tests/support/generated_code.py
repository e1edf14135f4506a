"""The Python of our two protos, by the protoc of grpcio-tools."""

from __future__ import annotations

import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ("exporter/sources/gcs.proto", "scaler/clients/drain.proto")
BARE_MAPPINGS = '# mypy: disable-error-code="type-arg"\n'  # protoc writes Mapping without its types


def files() -> dict[Path, str]:
    """Every generated module and its types, with what it should hold."""
    with tempfile.TemporaryDirectory() as directory:
        code = protoc.main(["protoc", f"-I{ROOT}", f"--python_out={directory}", f"--pyi_out={directory}", *PROTOS])
        if code:
            raise RuntimeError(f"protoc ended with {code}")
        made = {path.relative_to(directory): path.read_text() for path in Path(directory).rglob("*_pb2.py*")}
    return {ROOT / path: (BARE_MAPPINGS if path.suffix == ".pyi" else "") + text for path, text in made.items()}
