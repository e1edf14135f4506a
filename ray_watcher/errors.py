"""Errors of the command line, each with its exit code.

WatcherError 1          the command failed; the message gives the reason
├── UnusableFileError 2 wrong usage, the code that click uses for a bad option
├── AlreadyRunningError 3
├── NotRunningError     4
├── MissingError        5   a required program, image or engine is missing
├── PortTakenError      6
└── TimedOutError       7
"""

from __future__ import annotations

from typing import ClassVar


class WatcherError(Exception):
    """A command failed. The message names what was got, what was wanted and what to do."""

    exit_code: ClassVar[int] = 1


class UnusableFileError(WatcherError):
    """A given file cannot be used."""

    exit_code = 2


class AlreadyRunningError(WatcherError):
    """The thing to start is already running."""

    exit_code = 3


class NotRunningError(WatcherError):
    """The thing that the command needs is not running."""

    exit_code = 4


class MissingError(WatcherError):
    """A program, image or engine that the command needs is missing."""

    exit_code = 5


class PortTakenError(WatcherError):
    """Another process holds a required port."""

    exit_code = 6


class TimedOutError(WatcherError):
    """Something did not become ready in time."""

    exit_code = 7
