"""host.json: which settings this host honours and ignores, and which it rejects because it cannot honour them.

(https://learn.microsoft.com/azure/azure-functions/functions-host-json; Azure/azure-functions-durable-extension,
Options/DurableTaskOptions.cs)
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from local.host.durable.versions import Versioning
from local.host.functions.worker import AppError


class Section(BaseModel):
    """A part of host.json; an unknown setting is rejected."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class Http(Section):
    """extensions.http."""

    route_prefix: str = "api"
    max_concurrent_requests: PositiveInt = 100
    max_outstanding_requests: PositiveInt = 200
    custom_headers: dict[str, str] = Field(default_factory=dict)
    dynamic_throttles_enabled: Literal[False] = False


class Durable(Section):
    """extensions.durableTask. Settings of the official engine's storage are accepted and have no effect here."""

    hub_name: str = Field(default="TestHubName", pattern=r"^[A-Za-z][A-Za-z0-9]{2,44}$")
    max_concurrent_activity_functions: PositiveInt = 10
    max_concurrent_orchestrator_functions: PositiveInt = 10
    max_concurrent_entity_functions: PositiveInt = 10
    max_entity_operation_batch_size: PositiveInt = 50
    max_orchestration_actions: PositiveInt = 100_000
    overridable_existing_instance_states: Literal["NonRunningStates", "AnyState"] = "NonRunningStates"
    use_graceful_shutdown: bool = False
    extended_sessions_enabled: Literal[False] = False  # only the .NET in-process model has them
    entity_message_reorder_window_in_minutes: int = 30
    storage_provider: dict[str, Any] = Field(default_factory=dict)
    tracing: dict[str, Any] = Field(default_factory=dict)
    notifications: dict[str, Any] = Field(default_factory=dict)
    grpc_enabled: bool = Field(default=False, alias="localRpcEndpointEnabled")
    default_version: str = ""
    version_match_strategy: Literal["None", "Strict", "CurrentOrOlder"] = "CurrentOrOlder"
    version_failure_strategy: Literal["Reject", "Fail"] = "Reject"

    @property
    def versioning(self) -> Versioning:
        """The versions of orchestrations that this host gives and runs."""
        return Versioning(self.default_version, self.version_match_strategy, self.version_failure_strategy)


class Extensions(Section):
    """extensions."""

    http: Http = Http()
    durable_task: Durable = Durable()


class HostJson(Section):
    """The whole file."""

    version: Literal["2.0"]
    extensions: Extensions = Extensions()
    function_timeout: timedelta | None = timedelta(minutes=30)
    logging: dict[str, Any] = Field(default_factory=dict)
    extension_bundle: dict[str, Any] = Field(default_factory=dict)
    aggregator: dict[str, Any] = Field(default_factory=dict)
    health_monitor: dict[str, Any] = Field(default_factory=dict)
    singleton: dict[str, Any] = Field(default_factory=dict)
    concurrency: dict[str, Any] = Field(default_factory=dict)
    managed_dependency: dict[str, Any] = Field(default_factory=dict)
    watch_directories: list[str] = Field(default_factory=list)
    watch_files: list[str] = Field(default_factory=list)
    telemetry_mode: str = ""
    schema_: str = Field(default="", alias="$schema")

    @field_validator("function_timeout", mode="before")
    @classmethod
    def _endless(cls, given: Any) -> Any:
        if str(given) in ("-1", "-1.00:00:00"):
            return None
        if not re.fullmatch(r"\d{2,}:\d{2}:\d{2}", str(given)) or str(given) == "00:00:00":
            raise ValueError("must be a time like 00:05:00, or -1")
        return given

    @classmethod
    def at(cls, path: Path) -> "HostJson":
        """Read the file; raises AppError with every error."""
        try:
            return cls.model_validate(json.loads(path.read_text()))
        except FileNotFoundError:
            raise AppError(f"there is no {path.name} in {path.parent}") from None
        except ValidationError as error:
            faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
            raise AppError(f"{path.name} has settings that this host does not support: {'; '.join(faults)}") from None
        except ValueError as error:
            raise AppError(f"{path.name} is not JSON: {error}") from None
