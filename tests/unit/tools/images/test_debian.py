"""Which Debian packages belong together."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tools.images import debian

if TYPE_CHECKING:
    from pathlib import Path

STATUS = """Package: python3
Status: install ok installed
Architecture: amd64
Depends: libc6 (>= 2.36), awk | mawk:any,
 not-a-field
Description: something
 with Essential: yes inside

Package: libc6
Status: install ok installed
Architecture: amd64

Package: mawk
Status: install ok installed
Architecture: amd64
Provides: awk
Pre-Depends: libc6

Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64

Package: gone
Status: deinstall ok config-files
Architecture: amd64

Package: lonely
Status: install ok installed
Architecture: all
Depends: gone
"""


def names(*roots: str, essential: bool = False) -> list[str]:
    return [package.name for package in debian.closure(debian.parse(STATUS), roots, essential=essential)]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        pytest.param("libc6", ["libc6"], id="itself"),
        pytest.param("python3", ["libc6", "mawk", "python3"], id="what it depends on, by virtual names too"),
        pytest.param("mawk", ["libc6", "mawk"], id="what it depends on before"),
        pytest.param("lonely", ["lonely"], id="a dependency that is not installed is not needed here"),
    ],
)
def test_a_package_comes_with_what_it_needs(root: str, expected: list[str]) -> None:
    assert names(root) == expected


def test_what_debian_takes_for_granted_is_added() -> None:
    assert names("libc6", essential=True) == ["bash", "libc6"]


def test_of_a_package_of_two_architectures_that_of_dpkg_counts() -> None:
    dpkg = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\n"
    foreign = STATUS.replace("Architecture: amd64", "Architecture: i386")
    packages = debian.parse(f"{dpkg}\n{STATUS}\n{foreign}")
    assert {package.architecture for package in packages.values()} == {"amd64", "all"}
    assert packages == debian.parse(f"{dpkg}\n{STATUS}")


def test_missing_roots_are_named() -> None:
    with pytest.raises(debian.MissingPackagesError, match=r"^gone nothing$"):
        names("libc6", "gone", "nothing")


def test_files_are_those_of_the_packages_without_manuals(tmp_path: Path) -> None:
    (tmp_path / "info").mkdir()
    (tmp_path / "info" / "libc6:amd64.list").write_text("/.\n/usr\n/usr/share/doc/libc6/copyright\n/opt/libc.so\n")
    (tmp_path / "info" / "mawk.list").write_text("/.\n/opt/__pycache__/x.pyc\n/opt/mawk\n")
    packages = debian.closure(debian.parse(STATUS), ["mawk"], essential=False)
    owned = set(debian.files(packages, tmp_path)) - set(debian.MADE_BY_SCRIPTS)
    assert owned == {"/usr", "/opt/libc.so", "/opt/mawk"}


def test_an_archive_has_the_files_a_root_file_system_and_no_accounts_of_this_machine(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("hello")
    target = io.BytesIO()
    debian.write_archive([str(program), "/etc/passwd", "/no/such/file"], target)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        passwd = archive.extractfile("./etc/passwd")
        assert passwd is not None
        assert [line.split(":")[0] for line in passwd.read().decode().splitlines()] == ["root", "ray"]
        assert archive.getmember("./tmp").mode == 0o1777
        assert f".{program}" in archive.getnames()
        assert archive.getnames().count("./etc/passwd") == 1
