"""Options for settings: flag, environment variable, default, unit and check come from the settings model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import click
from pydantic import ByteSize, ConfigDict, TypeAdapter, ValidationError

from ray_watcher.commands import completing
from ray_watcher.settings import field, variable
from ray_watcher_common.program.settings import SettingsError, wanted
from scaler.config.policy_file import policy_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic.fields import FieldInfo

    from ray_watcher.settings import OperatorSettings
    from scaler.model.cluster import WorkerType

Command = TypeVar("Command", bound="Callable[..., Any]")
SIZES = ("num_cpus", "num_gpus", "object_store_memory")


def setting(name: str, meaning: str | None = None) -> Callable[[Command], Command]:
    """An option for the settings field `name`; it overrides the environment, which overrides the default.

    `load` reads the environment, not click: so a mistake there is reported with the variable, not with the option.
    """
    info = field(name)
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        metavar=_metavar(info),
        callback=lambda _context, _option, value: _checked(info, value),
        help=_help(meaning or info.description or "", _shown(info), name),
    )


def provider_option(command: Command) -> Command:
    """`--provider`: where head and workers run."""
    return click.option(
        "--provider",
        type=click.Choice(["auto", "docker", "process"]),
        help=_help(
            "where head and workers run; auto: where the cluster is running, else Docker if an engine answers, "
            "else processes of this machine",
            "auto",
            "provider",
        ),
    )(command)


def url_option(command: Command) -> Command:
    """`--url`: a scaler on another host."""
    return setting("url", "base URL of a scaler on another host; its token is WATCHER_TOKEN or in WATCHER_TOKEN_FILE")(
        command
    )


def type_option(command: Command) -> Command:
    """`--type`: a worker type of the policy file."""
    return click.option(
        "--type",
        "type_name",
        metavar="NAME",
        shell_complete=completing.worker_type,
        help="Worker type of the policy file (WATCHER_POLICY_FILE).  [default: the first one in the file]",
    )(command)


def worker_type_of(settings: OperatorSettings, type_name: str | None, given: dict[str, Any]) -> WorkerType:
    """The worker type of that name, with the sizes that were `given` as options.

    Raises `SettingsError` if the policy has no such type.
    """
    policy = policy_from(settings)
    kind = policy.worker_type(type_name) if type_name else policy.worker_types[0]
    if kind is None:
        known = ", ".join(one.name for one in policy.worker_types)
        raise SettingsError(f"--type: got {type_name!r}, wanted one of the policy's worker types: {known}")
    return replace(kind, **{name: getattr(settings, name) for name in SIZES if given.get(name) is not None})


def json_option(command: Command) -> Command:
    """`--json`: output for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; environment and defaults decide the others."""
    return {name: value for name, value in given.items() if value is not None}


def _checked(info: FieldInfo, value: str | None) -> Any:
    if value is None:
        return None
    rules = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    checked: TypeAdapter[Any] = TypeAdapter(rules, config=ConfigDict(allow_inf_nan=False))  # type: ignore[arg-type]  # built at run time
    try:
        return checked.validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(f"got {value!r}, wanted {wanted(error.errors()[0])}") from None


def _metavar(info: FieldInfo) -> str:
    if info.annotation in {ByteSize, ByteSize | None}:
        return "BYTES"
    if "seconds" in (info.description or ""):
        return "SECONDS"
    return "N" if info.annotation in {int, float} else "TEXT"


def _shown(info: FieldInfo) -> str:
    if info.default is None:
        return "unset"
    return f"{info.default / 1e9:g}GB" if isinstance(info.default, ByteSize) else str(info.default)


def _help(meaning: str, default: str, name: str) -> str:
    """Meaning, default and environment variable, in the same order for every option."""
    return f"{meaning[:1].upper()}{meaning[1:]}.  [default: {default}; env: {variable(name)}]"
