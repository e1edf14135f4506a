"""YAML texts changed in single places: all else stays as it is written, comments, quotes and anchors included. Pure.

Reading and rewriting a file would change it: YAML 1.1 reads `22:00` as a number and `no` as a boolean, and
other programs do not. So a value is replaced at its place in the text, and nothing is interpreted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Place = tuple[str | int, ...]
"""A path of keys and list positions: `("scrape_configs", 0, "job_name")`."""

PLAIN = re.compile(r"[\w.+/<][\w.+/:-]*(?<!:)")  # surely needs no quotes


class _Alias(yaml.ScalarNode):
    """`*name`: it is replaced at its place, because its `target` has other users."""

    def __init__(self, event: Any, target: Any) -> None:
        super().__init__("tag:yaml.org,2002:str", "", event.start_mark, event.end_mark)
        self.target = target


class _Composer(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        is_alias = self.check_event(yaml.AliasEvent)
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs' gap
        node = super().compose_node(parent, index)
        return _Alias(event, node) if is_alias else node


@dataclass(frozen=True)
class Text:
    """A YAML text with one document. Raises `yaml.YAMLError` when it is none."""

    text: str

    @property
    def root(self) -> yaml.Node | None:
        """The document's node, None for an empty text."""
        loader = _Composer(self.text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()

    def scalars(self) -> Iterator[tuple[Place, str]]:
        """Each scalar as it is written, without its quotes; aliases are left out."""
        if root := self.root:
            yield from _scalars(root, ())

    def with_values(self, values: Mapping[Place, Any]) -> Text:
        """The text with each value (anything that JSON can hold) at its place; keys that are missing are added.

        A place inside something that is no mapping or list is left out.
        """
        root, text = self.root, self.text
        edits = [edit for place, value in values.items() if root and (edit := _edit(text, root, place, value))]
        for start, end, new in sorted(edits, reverse=True):
            text = f"{text[:start]}{new}{text[end:]}"
        return Text(text)


def _scalars(node: yaml.Node, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _scalars(item, (*place, position))
    elif not isinstance(node, _Alias):
        yield place, node.value


def _edit(text: str, node: yaml.Node, place: Place, value: Any) -> tuple[int, int, str] | None:
    """What to replace: from, to (character positions), by what."""
    if not place:
        return _replacement(text, node, json.dumps(value, ensure_ascii=False))
    if isinstance(node, _Alias):
        own = Text(_flow(node.target)).with_values({place: value}).text
        return _replacement(text, node, own)
    inside = _child(node, place[0])
    if inside is not None:
        return _edit(text, inside, place[1:], value)
    for key in reversed(place[1:]):
        value = {key: value}
    return _addition(node, place[0], value) if isinstance(node, yaml.MappingNode) else None


def _child(node: yaml.Node, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item: yaml.Node = node.value[key]
        return item
    return None


def _flow(node: Any) -> str:
    """What an alias stands for, in one line; a plain scalar stays plain, so that it means the same."""
    if isinstance(node, _Alias):
        return _flow(node.target)
    if isinstance(node, yaml.MappingNode):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(value)}" for key, value in node.value) + "}"
    if isinstance(node, yaml.SequenceNode):
        return "[" + ", ".join(map(_flow, node.value)) + "]"
    is_plain = node.style is None and PLAIN.fullmatch(node.value)
    return str(node.value) if is_plain else json.dumps(node.value, ensure_ascii=False)


def _replacement(text: str, node: yaml.Node, new: str) -> tuple[int, int, str]:
    start, end = node.start_mark.index, _end(text, node)
    space = " " if start == end and not text[start - 1 : start].isspace() else ""
    return start, end, space + new


def _end(text: str, node: yaml.Node) -> int:
    """Where the node's own text ends; a block's mark stands where the next one begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)
    return max(node.start_mark.index, len(text[: node.end_mark.index].rstrip()))


def _addition(node: yaml.MappingNode, key: str | int, value: Any) -> tuple[int, int, str]:
    """A key more, before the first one; JSON is YAML as well."""
    entry = f"{key}: {json.dumps(value, ensure_ascii=False)}"
    start = node.start_mark.index
    if node.flow_style:
        return start + 1, start + 1, f"{entry}, " if node.value else entry
    return start, start, f"{entry}\n{' ' * node.start_mark.column}"
