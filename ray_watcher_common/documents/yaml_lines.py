"""YAML with line numbers: plain values, and the line of each key.

A place in a document is a path of keys, list positions included: `("worker_types", 0, "name")`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from ray_watcher_common.documents.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Place = tuple[str, ...]
EMPTY = "is empty"


class UnreadableError(Exception):
    """A file that is missing, empty or not YAML; `finding` has the reason."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class Document:
    """A file's content. `problems` are duplicate keys of a mapping; YAML keeps only the last."""

    path: str  # as people know the file
    value: Any
    lines: Mapping[Place, int] = field(default_factory=dict)
    problems: tuple[Finding, ...] = ()

    def line(self, *keys: str | int) -> int | None:
        """The line of the key at `keys`; if it is missing, of the nearest one around it."""
        place = tuple(map(str, keys))
        return next((self.lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in self.lines), None)

    def error(self, keys: tuple[str | int, ...], message: str) -> Finding:
        """A mistake at `keys`."""
        return Finding(self.path, self.line(*keys), message)

    def warning(self, keys: tuple[str | int, ...], message: str) -> Finding:
        """Something at `keys` that works, though hardly as meant."""
        return Finding(self.path, self.line(*keys), message, Severity.WARNING)


class _TextLoader(yaml.SafeLoader):
    """Every scalar as its text: what Go's parser puts into a string field, `yes` and `1.0` and all."""


_TextLoader.yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("<<"))]}


def read(path: Path, shown: str | None = None, *, as_text: bool = False) -> Document:
    """Read a file, called `shown` in messages. Raises `UnreadableError`.

    `as_text` leaves scalars as they are written, which is how Prometheus and Alertmanager read labels.
    """
    name = shown or str(path)
    try:
        return parse(path.read_text(encoding="utf-8"), name, as_text=as_text)
    except OSError as error:
        raise UnreadableError(Finding(name, None, f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError:
        raise UnreadableError(Finding(name, None, "is not text in UTF-8")) from None


def parse(text: str, name: str, *, as_text: bool = False) -> Document:
    """The same for a text. Raises `UnreadableError`."""
    loader = (_TextLoader if as_text else yaml.SafeLoader)(_checked(text, name))
    try:
        node = loader.get_single_node()
        if node is None:
            raise UnreadableError(Finding(name, None, EMPTY))
        problems = tuple(_twice(node, name))
        value = loader.construct_document(node)
        return Document(name, value, dict(_lines(node, ())), problems)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise UnreadableError(Finding(name, line, f"is not YAML: {error.problem}")) from None
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableError(Finding(name, None, f"is not YAML: {error}")) from None
    except RecursionError:
        raise UnreadableError(Finding(name, None, "is nested too deeply to be read")) from None
    finally:
        loader.dispose()


def _checked(text: str, name: str) -> str:
    """`text`, where its characters may stand in YAML; the loader looks at the first of them when it is made."""
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise UnreadableError(Finding(name, line, f"is not YAML: character {found.group()!r} may not stand in it"))
    return text


def _children(node: yaml.Node) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Key, its place, and its value; after merging, a key's last mention counts."""
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((str(position), item, item) for position, item in enumerate(node.value))


def _lines(node: yaml.Node, place: Place, around: tuple[yaml.Node, ...] = ()) -> Iterator[tuple[Place, int]]:
    if not place:
        yield place, node.start_mark.line + 1
    for key, key_node, value in _children(node):
        yield (*place, key), key_node.start_mark.line + 1
        if value not in (*around, node):  # an alias of what is around it would never end
            yield from _lines(value, (*place, key), (*around, node))


def _twice(node: yaml.Node, name: str, around: tuple[yaml.Node, ...] = ()) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for key, key_node, value in _children(node):
        line = key_node.start_mark.line + 1
        if key in seen and isinstance(node, yaml.MappingNode):
            yield Finding(name, line, f"{key}: stands here again; it is on line {seen[key]} already")
        seen.setdefault(key, line)
        if value not in (*around, node):
            yield from _twice(value, name, (*around, node))
