"""All that a reload may change, as one value: it is read as a whole, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from scaler.config.policy_file import policy_from
from scaler.config.sizes import overbooked, oversold
from scaler.model.difference import differences

if TYPE_CHECKING:
    from ray_watcher_common.web.config import WebConfig
    from scaler.config.settings import ScalerSettings
    from scaler.model.policy import Policy

log = structlog.get_logger()


@dataclass(frozen=True)
class Configuration:
    """The policy, and the token that callers must present (None: none is needed)."""

    policy: Policy
    token: str | None = field(default=None, repr=False)

    def changes(self, new: Configuration) -> tuple[str, ...]:
        """What is different in `new`, a line for each difference; a token's value is in none."""
        return (*differences(self.policy, new.policy), *(("token: changed",) if self.token != new.token else ()))


def read_configuration(
    settings: ScalerSettings, web: WebConfig, host: tuple[int | None, int | None] = (None, None)
) -> Configuration:
    """Read policy file and token file. Raises `SettingsError`.

    `host` has its CPUs and its bytes of memory; workers get their sizes by it if none are set, and what it cannot keep
    is logged.
    """
    cpus, memory = host
    policy = policy_from(settings.on_a_host_with(memory, policy_from(settings).max_workers))
    if cpus and memory:
        for problem in filter(None, (overbooked(policy, 0, cpus), oversold(policy, memory))):
            log.warning("more promised than the host has", problem=problem)
    return Configuration(policy, settings.bearer_token(web))
