"""Names put into PromQL expressions and alert templates in place of the shipped ones. Pure.

Only whole tokens are replaced: a label `cluster` is not the `cluster` of the recorded series `cluster:x:max`, nor the
word in a string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|[a-zA-Z_:][\w:]*')
_JOB = re.compile(r'(?P<matcher>\bjob\s*(?:=~?|!=|!~)\s*)"(?P<names>[^"]*)"')


def with_label(expression: str, old: str, new: str) -> str:
    """The expression with the label `new` wherever it names `old`: in selectors, `by`, `on`, `ignoring`."""
    return _TOKEN.sub(lambda token: new if token[0] == old else token[0], expression)


def with_jobs(expression: str, jobs: Mapping[str, str]) -> str:
    """The expression with other jobs in its matchers of the label `job`, each name of an alternative by itself."""

    def renamed(found: re.Match[str]) -> str:
        names = "|".join(jobs.get(name, name) for name in found["names"].split("|"))
        return f'{found["matcher"]}"{names}"'

    return _JOB.sub(renamed, expression)


def with_label_in_template(template: str, old: str, new: str) -> str:
    """The template of an annotation with `$labels.new` in place of `$labels.old`."""
    return re.sub(rf"\$labels\.{re.escape(old)}\b", f"$labels.{new}", template)
