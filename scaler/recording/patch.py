"""Differences of JSON documents, after RFC 7396 (JSON Merge Patch). Pure: standard library only.

An object in a patch changes the keys it names, `null` deletes one, and any other value replaces what was there, lists
as a whole. So documents may not hold `null`: what is unknown is left out.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def difference(old: Document, new: Document) -> Document:
    """The patch that makes `new` of `old`; empty if they are equal."""
    patch: Document = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if before is value or before == value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            patch[key] = difference(before, value)
        else:
            patch[key] = value
    return patch


def patched(document: Document, patch: Document) -> Document:
    """The document that `patch` makes of `document`, which stays as it is."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = patched(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result
