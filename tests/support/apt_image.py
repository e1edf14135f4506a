"""A Ray image in which apt works, as in Debian-based images of a registry: by this machine's apt and sources."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.images import one_at_a_time, ray_image
from tools.images import debian
from tools.images.base import BASE_PACKAGES, installed_packages

if TYPE_CHECKING:
    from scaler.providers.engine import Engine

IMAGE = "ray-watcher/ray:apt-test"
APT = ("apt", "debian-archive-keyring", "gpgv")
DOCKERFILE = """\
FROM {base}
USER root
ADD apt.tar /
COPY status /var/lib/dpkg/status
COPY sources/ /etc/apt/sources.list.d/
COPY conf/ /etc/apt/apt.conf.d/
RUN mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/apt/lists/partial /var/cache/apt/archives/partial \
 && touch /var/lib/dpkg/available && printf '_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\\n' >> /etc/passwd \
 && apt-get --version
"""


def ray_image_with_apt(engine: Engine) -> str:
    """The image, built unless the engine has it."""
    base = ray_image()
    with one_at_a_time():
        if engine.image_labels(IMAGE) is None:
            _build(engine, base)
    return IMAGE


def _build(engine: Engine, base: str) -> None:
    packages = installed_packages([*BASE_PACKAGES, *APT], essential=True)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with (directory / "apt.tar").open("wb") as archive:
            debian.write_archive(debian.files(installed_packages(APT, essential=False)), archive)
        (directory / "status").write_text(_status({package.name for package in packages}), encoding="utf-8")
        _copy(Path("/etc/apt/sources.list.d"), directory / "sources", "debian*")
        _copy(Path("/etc/apt/apt.conf.d"), directory / "conf", "[0-9]*")
        (directory / "Dockerfile").write_text(DOCKERFILE.format(base=base), encoding="utf-8")
        for line in engine.build(directory, IMAGE, arguments={}, labels={}):
            print(line)  # noqa: T201  # shown on failure


def _status(names: set[str]) -> str:
    """Dpkg's records of these packages alone: the image has no others."""
    paragraphs = (debian.DPKG / "status").read_text(encoding="utf-8").split("\n\n")
    return "\n\n".join(one for one in paragraphs if one.partition("\n")[0].removeprefix("Package: ") in names) + "\n"


def _copy(source: Path, target: Path, pattern: str) -> None:
    target.mkdir()
    for path in source.glob(pattern):
        shutil.copy(path, target / path.name)
