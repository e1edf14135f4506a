"""What a shell offers for an argument: names that exist now. Anything that goes wrong offers nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from ray_watcher.host import Host
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click


def beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those of `names` that begin with what was typed."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def workers(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """`worker-N` of each worker of the cluster that runs; the provider is asked, Ray is not."""
    with contextlib.suppress(Exception):  # the user types: an error would end up in the command line
        cluster = (ctx.find_object(Host) or Host()).running_cluster(load(OperatorSettings))
        indices = sorted({instance.index for instance in cluster.provider.list()})
        return beginning((f"worker-{index}" for index in indices), incomplete)
    return []


def worker(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same, for an argument."""
    del param
    return workers(ctx, incomplete)


def worker_type(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The worker types of the policy file."""
    del ctx, param
    from scaler.config.policy_file import policy_from

    with contextlib.suppress(Exception):  # likewise
        return beginning((kind.name for kind in policy_from(load(OperatorSettings)).worker_types), incomplete)
    return []
