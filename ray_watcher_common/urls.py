"""URLs as they may be shown: on pages, in logs, in messages. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

USER_INFORMATION = re.compile(r"(?<=://)(?:(?!,\w+://)\S)*@")  # up to the last @ of each URL: a password may hold one


def shown_url(text: str) -> str:
    """`text` with `***` for the user and password of each URL in it, even of one that does not parse."""
    return USER_INFORMATION.sub("***@", text)


def user_of(url: str) -> str:
    """The user in a URL; "" if there is none."""
    return unquote(urlsplit(url).username or "")
