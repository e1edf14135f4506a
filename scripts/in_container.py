"""The watcher as the main program of a container that has this checkout as a mount, and Python 3.10 or newer.

    docker run -d --name ray-watcher --network ray-cluster --init -v $(pwd):/workspace \
        -v /var/run/docker.sock:/var/run/docker.sock -w /workspace IMAGE python /workspace/scripts/ray_watcher.py

What the checkout's own environment has may not run here, so the packages are installed into the container. The
checkout is only read: files of root in it would be in its owner's way. Standard library alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path("/var/tmp/ray-watcher")  # noqa: S108  # the container's own
PACKAGES, PROGRAMS = HOME / "packages", HOME / "programs"
DEBIAN = {"prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager"}  # package by program
MODULE = "ray_watcher.commands.contained"
LOCKED = re.compile(r"^(\w[\w.-]*==[^\\\n]+?) *\\?$", re.MULTILINE)  # with its marker: one package, several Pythons
MOUNTED_LOGS = Path("/tmp/ray")  # noqa: S108  # the guide mounts ./logs here, which Docker makes as root


def is_main() -> bool:
    """Whether the container that we are in was made to run scripts/ray_watcher.py."""
    try:
        return b"ray_watcher.py" in Path("/proc/1/cmdline").read_bytes()
    except OSError:
        return False


def run(arguments: list[str]) -> None:
    """Become the watcher. Exits with what to do if this container cannot run it."""
    if sys.version_info < (3, 10):  # noqa: UP036  # the image's Python may be any
        sys.exit(f"error: Python 3.10 or newer is wanted, this image has {sys.version.split()[0]}; use a newer image")
    _give_back(MOUNTED_LOGS)
    if not (HOME / "ready").exists():
        _install_packages()
        _install_programs()
        (HOME / "ready").touch()
    environment = environment_here()
    os.chdir(HOME)
    os.execve(sys.executable, [sys.executable, "-m", MODULE, *arguments], environment)  # noqa: S606  # our own


def environment_here() -> dict[str, str]:
    """The environment in which the programs are found; nothing is written into the checkout."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGES)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join([str(PROGRAMS / "usr" / "bin"), os.environ.get("PATH", "")]),
    }


def is_ready() -> bool:
    """Whether this is such a container, with its packages installed."""
    return (HOME / "ready").exists()


def _install_packages() -> None:
    """What the command line, exporter and scaler import, in the versions of the lock file."""
    say("installing Python packages")
    locked = "\n".join(LOCKED.findall(_read("requirements.lock")))
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        constraints = Path(directory) / "constraints.txt"
        constraints.write_text(locked, encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-cache-dir", "--root-user-action=ignore", "--no-warn-script-location"]
        command += ["--target", str(PACKAGES)]
        _do([*command, "--constraint", str(constraints), *requirements()])


def requirements() -> list[str]:
    """The requirements of a plain installation with workers in containers, from pyproject.toml."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10
        from pip._vendor import tomli as tomllib  # type: ignore[no-redef]
    project = tomllib.loads(_read("pyproject.toml"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["scaler"]]


def _install_programs() -> None:
    """Prometheus and Alertmanager; unpacked only, since installing them would start them."""
    missing = [package for program, package in DEBIAN.items() if shutil.which(program) is None]
    if not missing:
        return
    say(f"installing {' and '.join(missing)}")
    with tempfile.TemporaryDirectory() as directory:
        _do(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *missing], directory)
        for package in sorted(Path(directory).glob("*.deb")):
            _do(["dpkg-deb", "--extract", str(package), str(PROGRAMS)])
    for made in (PROGRAMS / "usr" / "share" / "prometheus").iterdir():  # Debian's Alertmanager has its templates there
        there = Path("/usr/share/prometheus") / made.name
        there.parent.mkdir(exist_ok=True)
        if not there.exists():
            there.symlink_to(made)


def _give_back(directory: Path) -> None:
    """Let the owner of the checkout own what Docker has made beside it."""
    owner = ROOT.stat()
    if directory.is_mount() and os.getuid() == 0 and directory.stat().st_uid != owner.st_uid:
        os.chown(directory, owner.st_uid, owner.st_gid)


def _do(command: list[str], directory: str | None = None) -> None:
    done = subprocess.run(command, cwd=directory, check=False, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
    if done.returncode:
        sys.exit(f"error: {' '.join(command[:3])} ended with {done.returncode}; see above")


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def say(line: str) -> None:
    """A line of progress in the container's log."""
    print(f"ray-watcher: {line}", file=sys.stderr, flush=True)  # noqa: T201  # the container's log
