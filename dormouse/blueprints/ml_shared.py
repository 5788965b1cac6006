"""What ML workspaces share: storage, registries, logs, a vault, and who may use them; one for each stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from dormouse.blueprints.blueprint import Blueprint
from dormouse.blueprints.parts.private_access import PrivateAccess, private_access, private_faults
from dormouse.blueprints.spec import EnvironmentSpec, Part
from dormouse.errors import Fault
from dormouse.resources.identity import STORAGE_BLOB_DATA_CONTRIBUTOR, role_assignment_to
from dormouse.resources.plan import Resource
from dormouse.resources.platform.budgets import budget
from dormouse.resources.platform.diagnostics import diagnostic_setting
from dormouse.resources.platform.existing_accounts import existing_account
from dormouse.resources.platform.model_developers import model_developer, model_developer_role
from dormouse.resources.platform.monitoring import NO_QUOTA, application_insights, log_workspace
from dormouse.resources.platform.registries import ACR_PULL, ACR_PUSH, container_registry
from dormouse.resources.platform.vaults import key_vault
from dormouse.resources.private_network.private_links import BLOB, DFS, FILE, REGISTRY, VAULT, WORKSPACE, closed
from dormouse.resources.storage import STORAGE, blob_container, storage_account
from dormouse.resources.target import DeploymentTarget, resource_group
from dormouse.text.doc import doc
from dormouse.text.validators import Matching, Several

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR = "69566ab7-960f-475b-8e7c-b3118f30c6bd"
DATA = "data"
STAGING, HEALTHY = "staging", "healthy"
PREMIUM = "Premium"
# The services of an account that have logs of their own.
BLOBS = "/blobServices/default"
STAGE_TAG = "dormouse-stage"
MOST_CONTAINERS, MOST_PEOPLE, MOST_EMAILS = 50, 50, 10
CONTAINER = Matching(
    r"(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])*",
    "3 to 63 lower-case letters, digits and single hyphens, such as datasets",
)
OBJECT_ID = Matching(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "an object ID of Microsoft Entra in lower case, such as 0d0e5e00-0000-4000-8000-0000000000a1",
)
ACCOUNT_ID = Matching(
    r"(?i:/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.Storage/storageAccounts/)"
    r"[a-z0-9]{3,24}",
    "the resource ID of a storage account, /subscriptions/…/Microsoft.Storage/storageAccounts/NAME",
)
EMAIL = Matching(r"[^@\s,;]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "an e-mail address, such as ml@contoso.com")
# What has endpoints in a private network, and for what.
GROUPS = {STORAGE: (BLOB, FILE), DATA: (BLOB, DFS), VAULT: (VAULT,), STAGING: (REGISTRY,), HEALTHY: (REGISTRY,)}
PERSON = "0d0e5e00-0000-4000-8000-0000000000a1"


def _repeated(entries: Sequence[Any]) -> str:
    twice = sorted({str(one) for one in entries if entries.count(one) > 1})
    return f"names {', '.join(twice)} more than once" if twice else ""


def _registries_repeated(entries: Sequence[Any]) -> str:
    return _repeated([one.get("name") if isinstance(one, dict) else one for one in entries])


class Registry(Part):
    """A container registry: `staging` for images that are to be tested, `healthy` for those that have been."""

    name: Annotated[Literal["staging", "healthy"], doc("Which one.", STAGING)]
    sku: Annotated[Literal["Basic", "Standard", "Premium"], doc("The tier; private endpoints need Premium.", "Premium")] = (
        "Standard"
    )


class Logs(Part):
    """The workspace of Log Analytics, to which everything sends its logs."""

    retention_days: Annotated[int, Field(ge=30, le=730), doc("How many days logs are kept.", 90)] = 30
    daily_quota_gb: Annotated[
        float | None,
        Field(ge=0.023, le=4000, allow_inf_nan=False),
        doc("The most that is taken a day, in GB; null for no limit.", 1.0),
    ] = None


class MonthlyBudget(Part):
    """A monthly budget, which tells people and stops nothing."""

    amount: Annotated[
        float, Field(gt=0, le=1_000_000, allow_inf_nan=False), doc("The amount, in the currency of the bill.", 500.0)
    ]
    emails: Annotated[
        tuple[Annotated[str, EMAIL], ...],
        Several(MOST_EMAILS, _repeated),
        doc("Who is told, besides the owners of the resource group.", ["ml@contoso.com"]),
    ] = ()


class MLSharedSpec(EnvironmentSpec):
    """What the ML workspaces of one stage share: storage, registries, logs, a vault and a role for model developers."""

    changeable: ClassVar[frozenset[str]] = EnvironmentSpec.changeable | {
        "containers",
        "registries",
        "developers",
        "developer_groups",
        "logs",
        "budget",
    }

    blueprint: Annotated[Literal["ml-shared"], doc("The blueprint.", "ml-shared")]
    stage: Annotated[Literal["dev", "int", "pro"], doc("The stage, which is in names and tags.", "dev")]
    containers: Annotated[
        tuple[Annotated[str, CONTAINER], ...],
        Several(MOST_CONTAINERS, _repeated),
        doc("The blob containers of the storage account for data.", ["datasets", "metrics", "initial-networks"]),
    ] = ("datasets",)
    data_account: Annotated[
        Annotated[str, ACCOUNT_ID] | None,
        doc(
            "An existing storage account for data, which is used as it is and always stays; null for a new one with these "
            "containers.",
            None,
        ),
    ] = None
    registries: Annotated[
        tuple[Registry, ...],
        Several(2, _registries_repeated),
        doc("The container registries.", [{"name": STAGING}, {"name": HEALTHY, "sku": "Premium"}]),
    ] = (Registry(name="staging"), Registry(name="healthy"))
    developers: Annotated[
        tuple[Annotated[str, OBJECT_ID], ...],
        Several(MOST_PEOPLE, _repeated),
        doc("The model developers: the object IDs of users in Microsoft Entra.", [PERSON]),
    ] = ()
    developer_groups: Annotated[
        tuple[Annotated[str, OBJECT_ID], ...],
        Several(MOST_PEOPLE, _repeated),
        doc("The groups whose members are model developers: their object IDs.", []),
    ] = ()
    logs: Annotated[Logs, doc("The logs.", {"retention_days": 90})] = Logs()
    private_network: Annotated[
        PrivateAccess | None,
        doc("The private network; null to leave access from public networks on.", {"nat_gateway": True}),
    ] = None
    budget: Annotated[MonthlyBudget | None, doc("The monthly budget; null for none.", {"amount": 500.0})] = None

    def misfits(self) -> Sequence[Fault]:
        """The faults of principals that are users and groups at once, of containers of others, and of private networks."""
        theirs = self.data_account is not None and "containers" in self.model_fields_set and self.containers
        other = [Fault("/containers", "are those of a new account; leave them out beside data_account")] if theirs else []
        both = sorted({*self.developers} & {*self.developer_groups})
        detail = "also names {one}, which is in developers"
        return [
            *super().misfits(),
            *other,
            *(Fault("/developer_groups", detail.format(one=one)) for one in both),
            *(private_faults(self.private_network) if self.private_network else ()),
            *(_tiers(self.registries) if self.private_network else ()),
        ]


def _tiers(registries: Sequence[Registry]) -> Iterator[Fault]:
    """https://learn.microsoft.com/azure/container-registry/container-registry-private-link"""
    for place, one in enumerate(registries):
        if one.sku != PREMIUM:
            yield Fault(f"/registries/{place}/sku", f"is {one.sku}; a private network needs {PREMIUM} registries")


def ml_shared(spec: MLSharedSpec, target: DeploymentTarget) -> Sequence[Resource]:
    """Everything that workspaces share, and the rights of the people who work in them."""
    logs = log_workspace(target, spec.stage, spec.logs.retention_days, spec.logs.daily_quota_gb or NO_QUOTA)
    vault, storage = key_vault(target), storage_account(target)
    data = existing_account(spec.data_account, DATA) if spec.data_account else storage_account(target, DATA)
    own = not spec.data_account
    containers = [blob_container(target, called, f"container-{called}", DATA) for called in spec.containers if own]
    registries: dict[str, Resource] = {one.name: container_registry(target, one.name, one.sku) for one in spec.registries}
    private = spec.private_network
    if private:
        vault, storage = closed(vault), closed(storage)
        data = closed(data) if own else data
        registries = {name: closed(one) for name, one in registries.items()}
    shared = {STORAGE: storage, DATA: data, VAULT: vault, **registries}
    logged = [
        diagnostic_setting(vault, logs),
        *(diagnostic_setting(account, logs, BLOBS) for account in (storage, *([data] if own else []))),
        *(diagnostic_setting(registry, logs) for registry in registries.values()),
    ]
    resources = [
        model_developer_role(target, spec.stage),  # first, so that it is deleted last
        resource_group(target),
        storage,
        data,
        *containers,
        *registries.values(),
        logs,
        application_insights(target, logs, spec.stage),
        vault,
        *logged,
        *(private_access(private, target, shared, GROUPS, (WORKSPACE,)) if private else ()),
        *([budget(target, spec.budget.amount, spec.budget.emails)] if spec.budget else []),
        *_people(spec, target, shared),
    ]
    return [_of_stage(one, spec.stage) for one in resources]


def _people(spec: MLSharedSpec, target: DeploymentTarget, on: Mapping[str, Resource]) -> Iterator[Resource]:
    """The roles of developers: each by its scope, so that none allows more than one needs.

    Jobs of identity-based workspaces read and write the workspaces' account with the rights of the person:
    https://learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication
    """
    roles = [
        (STORAGE, "blobs", STORAGE_BLOB_DATA_CONTRIBUTOR),
        (STORAGE, "files", STORAGE_FILE_DATA_PRIVILEGED_CONTRIBUTOR),
        (DATA, "blobs", STORAGE_BLOB_DATA_READER),
        (STAGING, "push", ACR_PUSH),
        (HEALTHY, "pull", ACR_PULL),
    ]
    people = [(one, "User") for one in spec.developers] + [(one, "Group") for one in spec.developer_groups]
    for principal, kind in people:
        yield model_developer(target, principal, kind)
        for place, word, role in roles:
            if place in on:
                name = f"{place}-{word}-{principal}"
                yield role_assignment_to(target, name, role, principal, kind, on=on[place])


def _of_stage(resource: Resource, stage: str) -> Resource:
    """The resource with a tag for the stage, if it has tags."""
    tags = resource.body.get("tags")
    return replace(resource, body={**resource.body, "tags": {**tags, STAGE_TAG: stage}}) if tags else resource


BLUEPRINT = Blueprint("ml-shared", MLSharedSpec, ml_shared)
