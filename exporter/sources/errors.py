"""Why a source gave no cluster state. The chain of sources keeps them as values; no scrape raises one.

SourceError
├── SourceUnavailableError   no answer: refused, timed out, or nothing known yet
├── SourceStaleError         an answer that is too old to act on
└── SourceBrokenError        an answer that cannot be read
"""

from __future__ import annotations


class SourceError(Exception):
    """Base of all errors of the sources; the message is for people."""


class SourceUnavailableError(SourceError):
    """The source does not respond, or has no state yet."""


class SourceStaleError(SourceError):
    """The source repeats an old state."""


class SourceBrokenError(SourceError):
    """The answer is not in the source's protocol."""
