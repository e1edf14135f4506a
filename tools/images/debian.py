"""The Debian packages installed on this machine: which belong together, and which files they own.

`parse` and `closure` are pure; `files` and `write_archive` read the disk. Formats: dpkg's status file
(deb-control(5)) and its `info/*.list` and `alternatives/` (update-alternatives(1)).
"""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DPKG = Path("/var/lib/dpkg")
LEFT_OUT = re.compile(r"^/usr/share/(doc|man|locale|info|lintian|bug)/|/__pycache__/")
MERGED = {"bin", "sbin", "lib", "lib64"}  # links into /usr on every Debian since 12
MADE_BY_SCRIPTS = (  # by maintainer scripts, so in no package's list
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/bin/sh",
)
DIRECTORIES = {"proc": 0o755, "sys": 0o755, "dev": 0o755, "run": 0o755, "root": 0o700, "tmp": 0o1777, "etc": 0o755}
ACCOUNTS = {  # of the image; those of the machine stay out of it
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nray:x:1000:1000::/home/ray:/bin/sh\n",
    "etc/group": "root:x:0:\nray:x:1000:\n",
}


class MissingPackagesError(LookupError):
    """Packages that are needed are not installed; the message names them."""


@dataclass(frozen=True)
class Package:
    """An installed package. `depends` holds the alternatives of each dependency."""

    name: str
    version: str
    architecture: str
    essential: bool
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


def parse(status: str) -> dict[str, Package]:
    """The installed packages by name, from dpkg's status file; those of a foreign architecture are left out."""
    paragraphs = [_fields(paragraph) for paragraph in status.split("\n\n")]
    installed = [_package(fields) for fields in paragraphs if fields.get("Status", "").endswith(" installed")]
    native = {package.architecture for package in installed if package.name == "dpkg"}
    return {package.name: package for package in installed if not native or package.architecture in {"all", *native}}


def _fields(paragraph: str) -> dict[str, str]:
    """Field values; continuation lines (descriptions, file lists) are left out."""
    lines = (line.partition(":") for line in paragraph.splitlines() if line[:1].isalpha())
    return {name: value.strip() for name, _, value in lines}


def _package(fields: Mapping[str, str]) -> Package:
    depends = [*_relations(fields.get("Depends", "")), *_relations(fields.get("Pre-Depends", ""))]
    return Package(
        name=fields["Package"],
        version=fields.get("Version", ""),
        architecture=fields.get("Architecture", ""),
        essential=fields.get("Essential") == "yes",
        depends=tuple(depends),
        provides=tuple(alternatives[0] for alternatives in _relations(fields.get("Provides", ""))),
    )


def _relations(value: str) -> Iterator[tuple[str, ...]]:
    """Names in `a (>= 1) | b:any, c`, without versions and architectures."""
    for relation in filter(None, (part.strip() for part in value.split(","))):
        yield tuple(alternative.split()[0].partition(":")[0] for alternative in relation.split("|"))


def closure(packages: Mapping[str, Package], roots: Iterable[str], *, essential: bool = True) -> list[Package]:
    """`roots`, all they depend on, and, if `essential`, what Debian takes for granted; sorted by name.

    Raises `MissingPackagesError` if a root is not installed. A dependency that is not installed was
    satisfied otherwise or forced away: this machine works without it.
    """
    providers = {virtual: package.name for package in packages.values() for virtual in package.provides}
    wanted = list(roots)
    if missing := [name for name in wanted if name not in packages]:
        raise MissingPackagesError(" ".join(missing))
    wanted += [package.name for package in packages.values() if package.essential and essential]
    found: dict[str, Package] = {}
    while wanted:
        name = wanted.pop()
        package = packages.get(name) or packages.get(providers.get(name, ""))
        if package and package.name not in found:
            found[package.name] = package
            wanted += [_installed(alternatives, packages, providers) for alternatives in package.depends]
    return [found[name] for name in sorted(found)]


def _installed(alternatives: tuple[str, ...], packages: Mapping[str, Package], providers: Mapping[str, str]) -> str:
    return next((name for name in alternatives if name in packages or name in providers), "")


def files(packages: Iterable[Package], dpkg: Path = DPKG) -> list[str]:
    """Paths that `packages` own, without manuals and the like; merged directories are named below /usr."""
    owned = {_merged(path) for package in packages for path in _listed(package, dpkg) if not LEFT_OUT.search(path)}
    return sorted({*owned, *MADE_BY_SCRIPTS, *_alternatives(owned, dpkg)})


def _listed(package: Package, dpkg: Path) -> list[str]:
    for name in (f"{package.name}:{package.architecture}", package.name):
        listing = dpkg / "info" / f"{name}.list"
        if listing.exists():
            return [path for path in listing.read_text(encoding="utf-8").splitlines() if path != "/."]
    return []


def _merged(path: str) -> str:
    top = path.split("/")[1]
    return f"/usr{path}" if top in MERGED and Path(f"/{top}").is_symlink() else path


def _alternatives(owned: set[str], dpkg: Path) -> Iterator[str]:
    """Links that update-alternatives made for programs among `owned` (awk, which ...)."""
    for state in (dpkg / "alternatives").glob("*"):
        lines = state.read_text(encoding="utf-8").split("\n")
        for link in map(Path, filter(lambda line: line.startswith("/"), [lines[1], *lines[3::2]])):
            if link.is_symlink() and _merged(str(link.resolve())) in owned:
                yield from (_merged(str(link)), f"/etc/alternatives/{link.readlink().name}")


def write_archive(paths: Iterable[str], target: BinaryIO) -> None:
    """A tar archive of a root file system with `paths` as they are on this machine, and accounts of its own."""
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, mode in DIRECTORIES.items():
            _add_directory(archive, name, mode)
        for path in ["/" + name for name in sorted(MERGED)] + list(paths):
            if path.lstrip("/") not in {*DIRECTORIES, *ACCOUNTS} and Path(path).parent.is_dir():
                _add(archive, path)
        for name, text in ACCOUNTS.items():
            _add_text(archive, name, text)


def _add(archive: tarfile.TarFile, path: str) -> None:
    if Path(path).is_symlink() or Path(path).exists():
        archive.add(path, arcname=f".{path}", recursive=False)


def _add_directory(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(f"./{name}")
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(f"./{name}")
    entry.size, entry.mode = len(text.encode()), 0o644
    archive.addfile(entry, io.BytesIO(text.encode()))
