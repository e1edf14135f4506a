"""What can go wrong for the operator, each with the exit code that says so to scripts.

WatcherError 1          it failed; the message says why
├── UnusableFileError 2 wrong usage, as a bad option is (click's own code)
├── AlreadyRunningError 3
├── NotRunningError     4
├── MissingError        5   a program, image or engine that is needed is not here
├── PortTakenError      6
└── TimedOutError       7
"""

from __future__ import annotations

from typing import ClassVar


class WatcherError(Exception):
    """A command failed. The message says what was got, what was wanted and what to do."""

    exit_code: ClassVar[int] = 1


class UnusableFileError(WatcherError):
    """A file that was given is not what it should be."""

    exit_code = 2


class AlreadyRunningError(WatcherError):
    """What should be started is up already."""

    exit_code = 3


class NotRunningError(WatcherError):
    """What is asked about, or should be stopped, is not running."""

    exit_code = 4


class MissingError(WatcherError):
    """A program, image or engine that the command needs is not here."""

    exit_code = 5


class PortTakenError(WatcherError):
    """A port that is needed belongs to another process."""

    exit_code = 6


class TimedOutError(WatcherError):
    """Something did not become ready in time."""

    exit_code = 7
