"""`make release`: build wheel and sdist into `dist/`, and check what is in them.

It publishes nothing. The wheel has to hold the files of the four packages and of the shipped directories, the sdist all
files of the checkout.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("exporter", "ray_watcher", "ray_watcher_common", "scaler")
SHIPPED = ("docs/runbooks", "grafana/dashboards", "grafana/provisioning")
SHIPPED_OF_PROMETHEUS = ("prometheus/alertmanager.yml", "prometheus/prometheus.yml", "prometheus/rules")
DATA = "ray_watcher_common/data"
TWINE = "twine==7.0.0"
NOT_IN_THE_TREE = {"PKG-INFO"}  # which every sdist has


class ReleaseError(Exception):
    """The checkout or what was built from it is not what a release should be."""


def build(directory: Path) -> tuple[Path, Path]:
    """Build from the checkout, without a download, into `directory`; returns the wheel and the sdist."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603  # our own build backend
    return next(directory.glob("*.whl")), next(directory.glob("*.tar.gz"))


def files_of_git(*paths: str) -> set[str]:
    """The files below `paths`, or all of them, that git has or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603  # git
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def expected_in_wheel() -> set[str]:
    """The files of the packages, and the shipped ones at their place; without the wheel's own metadata."""
    shipped = files_of_git(*SHIPPED, *SHIPPED_OF_PROMETHEUS)
    return files_of_git(*PACKAGES) | {f"{DATA}/{name}" for name in shipped}


def in_wheel(wheel: Path) -> set[str]:
    """The files of a wheel, without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def in_sdist(sdist: Path) -> set[str]:
    """The files of an sdist, relative to its root."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()} - NOT_IN_THE_TREE


def require_contents(wheel: Path, sdist: Path) -> None:
    """Raises `ReleaseError` that names the files that are missing or too many."""
    for artefact, found, expected in (
        (wheel, in_wheel(wheel), expected_in_wheel()),
        (sdist, in_sdist(sdist), files_of_git()),
    ):
        if found != expected:
            raise ReleaseError(
                f"{artefact.name}: missing {sorted(expected - found)}, not expected {sorted(found - expected)}"
            )


def _require_clean_tree() -> None:
    command = ["git", "status", "--porcelain"]
    changed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603  # git
    if changed:
        raise ReleaseError(f"the checkout has changes that are not committed:\n{changed}")


def main() -> None:
    """Build, check and list the artefacts."""
    directory = ROOT / "dist"
    try:
        _require_clean_tree()
        for old in directory.glob("*"):
            old.unlink()
        artefacts = build(directory)
        require_contents(*artefacts)
    except ReleaseError as error:
        sys.exit(f"error: {error}")
    check = [sys.executable, "-m", "uv", "tool", "run", TWINE, "check", "--strict", *map(str, artefacts)]
    if code := subprocess.run(check, check=False).returncode:  # noqa: S603  # a released tool
        sys.exit(code)
    for path in artefacts:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}")  # noqa: T201  # for a person


if __name__ == "__main__":
    main()
