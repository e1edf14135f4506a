"""Why a source gave no cluster state. The chain keeps them as values; none of them leaves a scrape.

SourceError
├── SourceUnavailableError   no answer: refused, timed out, or nothing known yet
├── SourceStaleError         an answer that is too old to act on
└── SourceBrokenError        an answer that cannot be read
"""

from __future__ import annotations


class SourceError(Exception):
    """Base of all errors of the sources; the message says why, for people."""


class SourceUnavailableError(SourceError):
    """The source does not answer, or knows nothing yet."""


class SourceStaleError(SourceError):
    """The source repeats what was true some time ago."""


class SourceBrokenError(SourceError):
    """The source answers what is not its protocol."""
