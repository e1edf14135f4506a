"""Everything that can go wrong in the scaler, by what it means for the caller.

ScalerError
├── SnapshotUnavailableError   the cluster's state is missing, stale or unreadable: hold, launch at most `step`
├── DrainFailedError           Ray did not answer the question whether a node may go
├── DrainRefusedError          Ray keeps the node: it is not idle after all
├── ProviderError              the engine or the host did not do what was asked
│   ├── ProviderUnavailableError   it does not answer at all: try again later, change nothing meanwhile
│   ├── NoRoomError                no host has room for the worker now: no failure, its type is held for a while
│   └── LaunchFailedError          this launch failed, where, and why (image missing, command not found)
│       └── IndexTakenError        another worker has the index: look again, take the next
├── InvalidAlertError          a webhook that will never be acceptable (400)
│   └── TooManyAlertsError     one with more alerts than the scaler keeps (413)
├── RecordingError             a recording that is damaged, of another version, or no recording
└── JournalError               the journal cannot be written: ask the sender to try again (503)
    └── JournalCorruptError    the file is not a valid journal: set it aside, start a new one
"""

from __future__ import annotations


class ScalerError(Exception):
    """Base of all errors of the scaler."""


class SnapshotUnavailableError(ScalerError):
    """No usable cluster snapshot; the message is the reason."""


class DrainFailedError(ScalerError):
    """Ray could not be asked to drain a node."""


class DrainRefusedError(ScalerError):
    """Ray refused to drain a node; the message is Ray's."""


class ProviderError(ScalerError):
    """The engine or host that runs the workers refused or failed."""


class ProviderUnavailableError(ProviderError):
    """The engine or host does not answer."""


class NoRoomError(ProviderError):
    """No host has room for a worker of this type now; nothing of it is left behind."""


class LaunchFailedError(ProviderError):
    """One worker could not be launched; nothing of it is left behind.

    `host` is the one on which it failed, "" if all workers share one or the failure has nothing to do with a host.
    """

    def __init__(self, message: str, host: str = "") -> None:
        super().__init__(message)
        self.host = host


class IndexTakenError(LaunchFailedError):
    """Another worker holds the index that was asked for."""


class InvalidAlertError(ScalerError):
    """A notification that is not an Alertmanager v4 webhook; the message names the place."""


class TooManyAlertsError(InvalidAlertError):
    """A notification with more alerts than the scaler keeps."""


class RecordingError(ScalerError):
    """A recording that cannot be read; the message says why."""


class JournalError(ScalerError):
    """The journal could not be read or written."""


class JournalCorruptError(JournalError):
    """The journal's file is damaged, or no journal at all."""
