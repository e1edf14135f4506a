"""The environment as a whole: variables of other programs that would break ours, and misspelled ones of ours. Pure."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OURS = "WATCHER_"
ALIKE = 0.9  # of 1; two variables of ours that differ by a word are less alike, a slip of the keyboard is more
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Each names a file of certificates to trust for https; the first one that is set applies, otherwise certifi's do."""
CLIENT_CERTIFICATE, CLIENT_KEY = "WATCHER_CLIENT_CERT_FILE", "WATCHER_CLIENT_KEY_FILE"
"""Name the files of the certificate, and of its key, with which our programs ask servers that want one."""
FOREIGN = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
"""Variables that a library of ours reads, and would fail by."""


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program of ours."""
    return {name: value for name, value in environment.items() if name not in FOREIGN}


def mistakes(environment: Mapping[str, str]) -> Iterator[str]:
    """One line for each variable, none of our settings, with which a program of ours cannot run."""
    for name in FOREIGN:
        if name in environment:
            yield f"{name}: got {environment[name]!r}, wanted it unset: a program of ours keeps its metrics to itself"
    for name in CA_VARIABLES:
        if (path := environment.get(name)) and not os.access(path, os.R_OK):
            yield f"{name}: got {path!r}, wanted a file of CA certificates that can be read"
    for name in (CLIENT_CERTIFICATE, CLIENT_KEY):
        if (path := environment.get(name)) and not os.access(path, os.R_OK):
            yield f"{name}: got {path!r}, wanted a PEM file that can be read"
    if environment.get(CLIENT_KEY) and not environment.get(CLIENT_CERTIFICATE):
        yield f"{CLIENT_KEY}: got {environment[CLIENT_KEY]!r}, wanted {CLIENT_CERTIFICATE} too"


def misspelled(environment: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """One line for each `WATCHER_` variable that is not known and much like one that is."""
    names = sorted(set(known))
    for name in sorted(set(environment) - set(names)):
        if name.startswith(OURS) and (alike := difflib.get_close_matches(name, names, n=1, cutoff=ALIKE)):
            yield f"{name} is unknown and has no effect; did you mean {alike[0]}?"


def ca_file(environment: Mapping[str, str]) -> str | None:
    """The file of certificates that the environment names, if any."""
    return next((path for name in CA_VARIABLES if (path := environment.get(name))), None)


def client_certificate(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Files of the certificate and of the key, which may be one file."""
    certificate = environment.get(CLIENT_CERTIFICATE)
    return (certificate, environment.get(CLIENT_KEY) or certificate) if certificate else None
