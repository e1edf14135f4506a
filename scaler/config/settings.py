"""The scaler's settings: the guide's variables with the guide's defaults, and further ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ByteSize, Field, create_model, model_validator
from typing_extensions import Self

from ray_watcher_common.program.settings import (
    AbsolutePath,
    HostPort,
    HttpUrl,
    HttpUrls,
    Links,
    ProgramSettings,
    Secret,
    SettingsError,
    links_of,
    password_mistake,
    split_host_port,
)
from ray_watcher_common.ray_auth import NO_TOKEN, RayToken
from ray_watcher_common.web.config import WEB_CONFIG_FILE, WebConfig, WebConfigFile
from scaler.config import keys
from scaler.config.sizes import RAY_ON_A_WORKER, Promise, promise, share, share_of_rest
from scaler.model.cluster import SMALLEST_OBJECT_STORE, WorkerType
from scaler.model.policy import Limits

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared, not listened at
DEFAULT_WORKER_TYPE = "default"


def default_state_dir() -> Path:
    """Where a user's clusters keep their journal, logs and process records. Raises `SettingsError`."""
    try:
        return Path.home() / ".local" / "state" / "ray-watcher"
    except RuntimeError:
        raise SettingsError("no home directory found; set HOME or WATCHER_STATE_DIR") from None


if TYPE_CHECKING:
    _WithLimits = ProgramSettings
else:
    _WithLimits = create_model("_WithLimits", __base__=ProgramSettings, **keys.as_settings())


class ScalerSettings(_WithLimits):
    """All settings of the scaler; the description of each has its unit."""

    check_interval: float = Field(
        10,
        validation_alias="WATCHER_CHECK_INTERVAL",
        gt=0,
        le=86400,
        description="seconds between periodic re-checks",
    )
    warm_workers: int = Field(
        0,
        validation_alias="WATCHER_WARM_WORKERS",
        ge=0,
        description="number of prepared workers, which join at once when needed; they count in max_workers",
    )
    num_cpus: int = Field(1, validation_alias="WATCHER_NUM_CPUS", ge=0, description="CPUs per new worker")
    num_gpus: int = Field(0, validation_alias="WATCHER_NUM_GPUS", ge=0, description="GPUs per new worker")
    memory: ByteSize | None = Field(
        None,
        validation_alias="WATCHER_MEMORY",
        gt=0,
        description="memory per new worker for tasks and actors, for example 4GB; unset: "
        "what WATCHER_NODE_MEMORY leaves",
    )
    node_memory: ByteSize | None = Field(
        None,
        validation_alias="WATCHER_NODE_MEMORY",
        ge=0,
        description="memory of a whole node (tasks, objects, Ray itself) whose memory is not set, for example 6GB; "
        "0: Ray decides, and promises the whole host; unset: the host's, divided among head and WATCHER_MAX_WORKERS",
    )
    head_memory: ByteSize | None = Field(
        None,
        validation_alias="WATCHER_HEAD_MEMORY",
        gt=0,
        description="memory of the head's container, if something else started it; unset: as much as any other node's",
    )
    object_store_memory: ByteSize = Field(
        ByteSize(1_000_000_000),
        validation_alias="WATCHER_OBJECT_STORE_MEMORY",
        ge=SMALLEST_OBJECT_STORE,
        description="object store memory per new worker, for example 1GB; unset: less on nodes below 3.3GB",
    )
    provider: Literal["auto", "docker", "process", "swarm"] = Field(
        "auto",
        validation_alias="WATCHER_PROVIDER",
        description="where workers run; auto: Docker if an engine responds when the scaler starts, else processes; "
        "swarm: services on several hosts (docs/many-hosts.md), of the scaler alone",
    )
    cluster: str = Field(
        "default",
        validation_alias="WATCHER_CLUSTER",
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$",
        description="name of the cluster, and label of its containers and processes",
    )
    image: str = Field(
        "rayproject/ray:2.60.0-py311",
        validation_alias="RAY_IMAGE",
        min_length=1,
        description="image of head and workers (provider docker)",
    )
    network: str = Field(
        "ray-cluster",
        validation_alias="WATCHER_NETWORK",
        min_length=1,
        description="Docker network of head and workers",
    )
    confined: bool = Field(
        True,  # noqa: FBT003  # pydantic's default
        validation_alias="WATCHER_CONFINED",
        description="whether containers of head and workers run without capabilities and cannot gain privileges; "
        "false for tasks that need them, for example sudo",
    )
    pids_limit: int = Field(
        16384,
        validation_alias="WATCHER_PIDS_LIMIT",
        ge=0,
        description="maximum number of processes and threads in a container of head or workers; 0: no limit",
    )
    compose_project: str | None = Field(
        None,
        validation_alias="WATCHER_COMPOSE_PROJECT",
        description="Compose project of the workers: `docker compose` lists and removes them with it; "
        "unset: that of a head that Compose started, else none",
    )
    join_address: HostPort | None = Field(
        None,
        validation_alias="WATCHER_JOIN_ADDRESS",
        description="GCS address as workers see it; unset: ray-head:6379 in Docker, else RAY_GCS_ADDRESS",
    )
    state_dir: AbsolutePath = Field(
        default_factory=default_state_dir,
        validation_alias="WATCHER_STATE_DIR",
        description="directory of journal, logs and process records",
    )
    exporter_url: HttpUrl = Field(
        "http://127.0.0.1:9811",
        validation_alias="WATCHER_EXPORTER_URL",
        description="base URL of the exporter",
    )
    exporter_password_file: AbsolutePath | None = Field(
        None,
        validation_alias="WATCHER_EXPORTER_PASSWORD_FILE",
        description="file with the password of the user in WATCHER_EXPORTER_URL",
    )
    listen: HostPort = Field(
        "127.0.0.1:9812", validation_alias="WATCHER_LISTEN", description="address of webhook, API and metrics"
    )
    external_url: HttpUrl | None = Field(
        None,
        validation_alias="WATCHER_EXTERNAL_URL",
        description="base URL at which people reach the scaler, for links from alerts to runbooks; "
        "unset: http:// and WATCHER_LISTEN",
    )
    grafana_url: HttpUrl = Field(
        "http://127.0.0.1:3000",
        validation_alias="WATCHER_GRAFANA_URL",
        description="base URL at which people reach Grafana, for links from alerts to dashboards",
    )
    links: Links | None = Field(
        None,
        validation_alias="WATCHER_LINKS",
        description="links on the scaler's page, for example Prometheus=http://127.0.0.1:9090,Grafana=https://grafana; "
        "unset: none, but start-watcher names its programs and Ray's dashboard",
    )
    token: Secret | None = Field(
        None, validation_alias="WATCHER_TOKEN", description="bearer token that Alertmanager must send"
    )
    token_file: AbsolutePath | None = Field(
        None, validation_alias="WATCHER_TOKEN_FILE", description="file that holds the bearer token"
    )
    web_config_file: AbsolutePath | None = Field(
        None, validation_alias="WATCHER_WEB_CONFIG_FILE", description=f"{WEB_CONFIG_FILE} of the scaler"
    )
    join_timeout: float = Field(
        120,
        validation_alias="WATCHER_JOIN_TIMEOUT",
        gt=0,
        description="seconds within which a new worker must join",
    )
    drain_timeout: float = Field(
        60,
        validation_alias="WATCHER_DRAIN_TIMEOUT",
        gt=0,
        description="seconds after which a draining worker is removed, if nothing runs on it",
    )
    stop_grace: float = Field(
        35,
        validation_alias="WATCHER_STOP_GRACE",
        ge=0,
        description="seconds for a worker to stop by itself before it is killed",
    )
    alert_expiry: float = Field(
        300,
        validation_alias="WATCHER_ALERT_EXPIRY",
        gt=0,
        description="seconds without a notification after which an active alert is dropped",
    )

    alertmanager_url: HttpUrls | None = Field(
        None,
        validation_alias="ALERTMANAGER_URL",
        description="base URL of the Alertmanager to re-read alerts from, several with commas for an HA pair; "
        "unset: webhooks only, but start-watcher uses its own",
    )
    alertmanager_password_file: AbsolutePath | None = Field(
        None,
        validation_alias="ALERTMANAGER_PASSWORD_FILE",
        description="file with the password of the user in each of ALERTMANAGER_URL",
    )
    alertmanager_receiver: str = Field(
        "ray-watcher",
        validation_alias="ALERTMANAGER_RECEIVER",
        min_length=1,
        description="receiver of the scaler in Alertmanager's route",
    )
    planner: str | None = Field(
        None,
        validation_alias="WATCHER_PLANNER",
        description="custom planner, package.module:function; unset: the built-in planner",
    )

    recording_size: ByteSize = Field(
        ByteSize(200_000_000),
        validation_alias="WATCHER_RECORDING_SIZE",
        description="maximum size of the recording in the journal, the oldest part is dropped; 0: nothing is recorded",
    )
    recording_detailed: float = Field(
        24 * 3600,
        validation_alias="WATCHER_RECORDING_DETAILED",
        gt=0,
        description="seconds for which the recording is kept in full; what is older is thinned to one moment in 10 s",
    )
    recording_kept: float = Field(
        30 * 24 * 3600,
        validation_alias="WATCHER_RECORDING_KEPT",
        gt=0,
        description="seconds for which the recording is kept at all",
    )

    @model_validator(mode="after")
    def _bounds_fit(self) -> ScalerSettings:
        for variable, count in (("MIN", self.limits.min_workers), ("WARM", self.warm_workers)):
            if count > self.limits.max_workers:
                most = f"wanted at most WATCHER_MAX_WORKERS ({self.limits.max_workers})"
                raise ValueError(f"WATCHER_{variable}_WORKERS: got {count}, {most}")
        return self

    @model_validator(mode="after")
    def _passwords_have_users(self) -> ScalerSettings:
        exporter = "WATCHER_EXPORTER_PASSWORD_FILE", self.exporter_password_file
        alertmanager = "ALERTMANAGER_PASSWORD_FILE", self.alertmanager_password_file
        wrong = password_mistake(*exporter, "WATCHER_EXPORTER_URL", [self.exporter_url]) or password_mistake(
            *alertmanager, "ALERTMANAGER_URL", self.alertmanager_urls
        )
        if wrong:
            raise ValueError(wrong)
        return self

    @property
    def limits(self) -> Limits:
        """The limits of the pool."""
        return Limits(**{name: getattr(self, setting) for name, setting in keys.SETTINGS.items()})

    @property
    def worker_type(self) -> WorkerType:
        """The one worker type that the guide's variables describe."""
        promised = self.promised(self.memory, None)
        return WorkerType(
            name=DEFAULT_WORKER_TYPE,
            num_cpus=self.num_cpus,
            num_gpus=self.num_gpus,
            memory=promised.memory or None,
            object_store_memory=promised.object_store,
            min_workers=self.limits.min_workers,
            max_workers=self.limits.max_workers,
            idle_timeout=self.idle_timeout,
            warm_workers=self.warm_workers,
        )

    def promised(self, memory: int | None, object_store: int | None, ray_itself: int = RAY_ON_A_WORKER) -> Promise:
        """What a node promises to Ray for which these are set, or not; memory 0: Ray decides."""
        if object_store is None and "object_store_memory" in self.model_fields_set:
            object_store = self.object_store_memory
        if memory is None and self.node_memory:
            return promise(self.node_memory, object_store, ray_itself)
        return Promise(memory or 0, object_store or self.object_store_memory)

    def on_a_host_with(self, host_memory: int | None, workers: int) -> Self:
        """These settings on a host that has so many bytes, for at most so many workers; None: not known."""
        if self.node_memory is not None or host_memory is None:
            return self
        if self.head_memory is None:
            each = share(host_memory, workers)
        else:
            each = max(1, share_of_rest(host_memory, workers, self.head_memory, []))
        return self.model_copy(update={"node_memory": ByteSize(each)})

    @property
    def base_url(self) -> str:
        """Where people reach the pages; a scaler that listens at every address is assumed to be on their machine."""
        host, port = split_host_port(self.listen)
        listen = f"127.0.0.1:{port}" if host in EVERY_ADDRESS else self.listen
        return (self.external_url or f"{self.web().current.scheme}://{listen}").rstrip("/")

    @property
    def named_links(self) -> tuple[tuple[str, str], ...]:
        """Names and addresses for the page."""
        named = links_of(self.links) if self.links else ()
        return (*named, ("Grafana", self.grafana_url)) if "grafana_url" in self.model_fields_set else named

    @property
    def alertmanager_urls(self) -> tuple[str, ...]:
        """The Alertmanagers to re-read alerts from."""
        return tuple(self.alertmanager_url.split(",")) if self.alertmanager_url else ()

    @property
    def ray_token_file(self) -> Path:
        """Where start-ray keeps the token of the cluster that it makes."""
        return self.ray_auth_token_path or self.state_dir / "ray-token" / self.cluster

    @property
    def ray_token(self) -> RayToken:
        """The cluster's token: from the environment, else the one that start-ray made."""
        if self.ray_auth_mode == "disabled":
            return NO_TOKEN
        return RayToken(self.given_ray_token.value, self.ray_token_file, ours=self.ray_auth_token_path is None)

    @property
    def journal_file(self) -> Path:
        """Where the cluster's journal is."""
        return self.state_dir / "journal" / f"{self.cluster}.db"

    def web(self) -> WebConfigFile:
        """TLS, users and headers of the pages. Raises `SettingsError`."""
        return WebConfigFile(self.web_config_file, "WATCHER_WEB_CONFIG_FILE")

    def bearer_token(self, web: WebConfig | None = None) -> str | None:
        """The token that callers must present; None if none is needed.

        Raises `SettingsError` if a scaler with `web` would listen beyond loopback for everybody.
        """
        is_guarded = web is not None and (bool(web.users) or web.verifies_clients)
        token = self.token.get_secret_value().strip() if self.token else None
        if self.token_file:
            try:
                token = self.token_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"WATCHER_TOKEN_FILE: cannot read {self.token_file}: {error.strerror}") from None
            if not token:
                raise SettingsError(f"WATCHER_TOKEN_FILE: {self.token_file} is empty, wanted a token")
        if not (token or is_guarded) and split_host_port(self.listen)[0] not in LOOPBACK_HOSTS:
            raise SettingsError(
                f"WATCHER_LISTEN: got {self.listen}, which others can reach; "
                "set WATCHER_TOKEN, WATCHER_TOKEN_FILE or users in WATCHER_WEB_CONFIG_FILE, or listen on 127.0.0.1"
            )
        return token or None
