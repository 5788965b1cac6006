"""Known differences and why they stay: each is about the recordings that it names, and about nothing else in them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why some recordings differ: Azure is inconsistent here, or the recorded state cannot be recreated."""

    why: str
    recordings: tuple[str, ...]
    # Each matches whole lines.
    differences: tuple[str, ...]

    def explains(self, recording: str, line: str) -> bool:
        """Whether this is the reason for one difference of a recording."""
        return recording in self.recordings and any(re.fullmatch(difference, line) for difference in self.differences)


EXPLAINED = (
    Explanation(
        "a roll-out of September 2024 that was reverted",
        ("78fd38b6172e", "b94844ee33b0", "eaae90b94252"),
        (r"missing: properties\.(?:addressSpace|subnets\[\]\.properties)\.ipamPoolPrefixAllocations",),
    ),
    Explanation(
        "recorded before the property had reached that region",
        ("07b39c380a21", "16cff87fc4fe", "18dc4892dd82", "b07eb0054e8a", "d14e8653320d"),
        (r"extra: properties\.privateEndpointVNetPolicies",),
    ),
    Explanation(
        "returned in some regions and one version only",
        ("c586bb13fbda", "ce921b77a59b", "fee9d002f11c"),
        (r"extra: properties\.enableAcceleratedNetworking",),
    ),
    Explanation("as above, in lists", ("f7d3ca5e5580",), (r"extra: value\[\]\.properties\.auxiliaryMode",)),
    Explanation("as above, in lists of addresses", ("2d1334efca1a",), (r"extra: value\[\]\.properties\.ddosSettings",)),
    Explanation(
        "the resources that used those networks are not recorded",
        ("87b31192ef7d", "8e450578b16f", "b3dfdb4a464d"),
        (r"missing: value\[\]\.properties\.subnets\[\]\.properties\.ipConfigurations",),
    ),
    Explanation(
        "the contents of that DNS zone are recorded elsewhere",
        ("6cb3b70f9425",),
        (r"value of properties\.numberOf\w+: \d, ours \d",),
    ),
    Explanation(
        "names that machines register in a zone are not simulated",
        ("a7a66c599085", "f6f764c05594"),
        (r"value of value\[\]\.properties\.(?:isAutoRegistered|registrationEnabled): True, ours False",),
    ),
    Explanation("one of nine recorded networks has no such header", ("d05b1bdd9cba",), (r"header etag: none, ours W/.*",)),
    Explanation(
        "one of six updates without a new provisioning state has no operation",
        ("a2fd1355e94e",),
        (r"header azure-asyncoperation: none, ours https:.*",),
    ),
    Explanation(
        "one of two identical requests has no operation",
        ("2feaa7e4da88",),
        (r"header azure-asyncoperation: none, ours https:.*",),
    ),
    Explanation(
        "one recording of thirteen is answered at once",
        ("47414f32616f",),
        (r"status: 200, ours 202", r"poll at location, ended: status: 200, ours 204"),
    ),
    Explanation(
        "addresses of load balancers, which are not simulated: here a network interface has them",
        ("025bbe3462c9", "2d1334efca1a", "af0ccd3344ba"),
        (r"value of (?:value\[\]\.)?properties\.ipConfiguration\.id: '.*/loadBalancers/.*', ours '.*/networkInterf.*'",),
    ),
    Explanation(
        "the number of a Basic address is drawn later", ("4b07402d419a", "a1b82d9408f5"), (r"extra: properties\.ipAddress",)
    ),
    Explanation(
        "older groups contain rules with numbers for addresses, which are rejected today",
        ("b0735d6fa293",),
        (
            r"value of value\[\]\.properties\.securityRules\[\]\.properties\.sourceAddressPrefix: '\d+', ours '\*'",
            r"value of value\[\]\.properties\.securityRules\[\]\.properties\.destinationAddressPrefix: '\d+', ours '\*'",
        ),
    ),
    Explanation("the handler of this extension adds empty settings", ("b74d9d85d30a",), (r"missing: properties\.settings",)),
    Explanation(
        "an extension that is being installed while the machine is changed",
        ("69e370aca881",),
        (r"value of resources\[\]\.properties\.provisioningState: 'Creating', ours 'Succeeded'",),
    ),
    Explanation(
        "an encrypted disk, and what its extension says",
        ("8f68ad3f26d0",),
        (
            r"count of properties\.instanceView\.disks\[\]\.statuses: 2, ours 1",
            r"lacks in properties\.instanceView\.disks\[\]\.statuses: encryptionstate/encrypted",
            r"missing: properties\.instanceView\.disks\[\]\.encryptionSettings",
            r"missing: properties\.instanceView\.extensions\[\]\.substatuses",
            r"value of properties\.instanceView\.extensions\[\]\.statuses\[\]\.message: .*",
        ),
    ),
    Explanation(
        "what an extension says of itself",
        ("319ff45c20d4",),
        (
            r"missing: vmAgent\.extensionHandlers\[\]\.status\.message",
            r"value of extensions\[\]\.statuses\[\]\.message: .*",
        ),
    ),
    Explanation(
        "what an extension says of itself, and of its work that has not ended",
        ("36581e70cfff", "c76c998d4796", "ca2b6bc2cbb4", "d62382d98370"),
        (
            r"missing: properties\.instanceView\.substatuses",
            r"value of properties\.instanceView\.statuses\[\]\.message: .*",
            r"value of properties\.instanceView\.statuses\[\]\.code: 'ProvisioningState/transitioning', ours .*",
            r"value of properties\.instanceView\.statuses\[\]\.displayStatus: 'Transitioning', ours .*",
        ),
    ),
    Explanation(
        "a machine from before 2019",
        ("17bae1af434e",),
        (
            r"extra: properties\.osProfile\.(?:allowExtensionOperations|requireGuestProvisionSignal)",
            r"extra: properties\.osProfile\.linuxConfiguration\.provisionVMAgent",
        ),
    ),
    Explanation(
        "a machine from before 2019, in lists",
        ("71125178a71a",),
        (
            r"extra: value\[\]\.properties\.osProfile\.(?:allowExtensionOperations|requireGuestProvisionSignal)",
            r"extra: value\[\]\.properties\.osProfile\.linuxConfiguration\.provisionVMAgent",
        ),
    ),
    Explanation(
        "as above, and a machine of Windows that shows a controller without a security type",
        ("c0ad1b02d82a",),
        (
            r"extra: value\[\]\.properties\.osProfile\.linuxConfiguration\.provisionVMAgent",
            r"missing: value\[\]\.properties\.storageProfile\.diskControllerType",
        ),
    ),
    Explanation(
        "before 2019 the start of an operation did not say when to ask",
        ("7096752c4583", "7d34d32c7f4f", "b998db4152ea"),
        (r"header retry-after: none, ours 10",),
    ),
    Explanation(
        "recorded in a version that did not know generations",
        ("0ddd0dbc8bc7", "8b035caa4ecf", "a73eb7ed8905", "ebb11d339a39"),
        (r"extra: hyperVGeneration",),
    ),
    Explanation("a machine in an availability set", ("a73eb7ed8905",), (r"missing: platform(?:Fault|Update)Domain",)),
    Explanation(
        "the one recording in this version lacks the ID and the type",
        ("5379deff14bf",),
        (r"extra: (?:id|type)", r"missing: properties\.isArmResource"),
    ),
    Explanation(
        "a data disk that the machine of another disk created: its OS disk is not recorded",
        ("dcf127acd5f8",),
        (r"count of value: 5, ours 6",),
    ),
    Explanation(
        "the catalogue has the families of GPU machines and a few others",
        ("919a551bb507", "f28c709a7fd1"),
        (r"count of value: 1\d\d, ours \d\d", r"lacks in value: .*"),
    ),
    Explanation(
        "recorded in 2023, before Azure changed what an account allows by default",
        ("2fa8b3ac354a", "c3ab5cad8d5a"),
        (
            r"poll at location, ended: extra: properties\.allowCrossTenantReplication",
            r"poll at location, ended: value of properties\.allowBlobPublicAccess: True, ours False",
            r"poll at location, ended: value of properties\.minimumTlsVersion: 'TLS1_0', ours 'TLS1_2'",
        ),
    ),
    Explanation(
        "the recorded machine has a command that the simulated one lacks",
        ("31160deaade5",),
        (r"(?s)poll at location, ended: value of value\[\]\.message: .*job 1 at .*",),
    ),
    Explanation(
        "a machine of which Azure Monitor knows nothing yet",
        ("4658855ec2f7",),
        (r"count of value\[\]\.timeseries: 0, ours 1", r"extra: value\[\]\.timeseries\[\]"),
    ),
    Explanation(
        "recorded in 2019, before metrics had descriptions, of a machine that had run for a day",
        ("e5fe59f0763f",),
        (r"extra: value\[\]\.(?:displayDescription|errorCode)", r"missing: value\[\]\.timeseries\[\]\.data\[\]\.average"),
    ),
    Explanation(
        "older agents, whose versions have three numbers",
        ("8b035caa4ecf", "d6bfc25ac5ac"),
        (r"value of (?:properties\.instanceView\.)?vmAgent\.vmAgentVersion: '\d+\.\d+\.\d+', ours .*",),
    ),
    Explanation(
        "a preview version", ("7a2ca19eba12", "d450b32d5f99", "edb3383ca2b8"), (r"missing: properties\.canDelegate",)
    ),
    Explanation(
        "an assignment that was deleted before anybody had seen it",
        ("d450b32d5f99",),
        (r"type of properties\.createdBy: null, ours string",),
    ),
    Explanation("tags that a policy had added", ("ab4eeaee7faf",), (r"missing: tags",)),
    Explanation(
        "secrets of certificates and of accounts, which are not simulated",
        ("3b1115421bd1", "576516e499f1", "90fdf7646bdc", "9d8302929b5a", "bc5f008d1c69", "ccbe297bf4ca", "f9bdf4b0a0d4"),
        (r"missing: (?:value\[\]\.)?managed", r"missing: kid"),
    ),
    Explanation(
        "secrets of accounts have no times and no days",
        ("576516e499f1", "90fdf7646bdc"),
        (r"extra: (?:value\[\]\.)?attributes\.(?:created|updated|recoverableDays)",),
    ),
    Explanation(
        "the only recording of this version without the days", ("f9dde3220ca0",), (r"extra: attributes\.recoverableDays",)
    ),
    Explanation(
        "vaults without soft delete, which can no longer be created",
        (
            *("2b438b2e1ffc", "37117ab13bfb", "3b1115421bd1", "5b9fd9dffa38", "95f3b1f94940"),
            *("906bb985db87", "9d8302929b5a", "f64153169f8e"),
        ),
        (
            r"value of (?:value\[\]\.)?attributes\.recoveryLevel: 'Purgeable', ours 'Recoverable\+Purgeable'",
            r"extra: (?:deletedDate|recoveryId|scheduledPurgeDate)",
        ),
    ),
    Explanation(
        "workspaces as an earlier generation of Log Analytics showed them",
        ("69341c282a12",),
        (
            r"missing: value\[\]\.properties\.source",
            r"extra: value\[\]\.etag",
            r"value of value\[\]\.properties\.(?:sku\.name|sku\.lastSkuUpdate|createdDate|modifiedDate): .*",
            r"value of value\[\]\.properties\.workspaceCapping\.quotaNextResetTime: .*",
        ),
    ),
    Explanation(
        "rules that collect data are not simulated",
        ("519b1ce76386",),
        (r"missing: properties\.defaultDataCollectionRuleResourceId",),
    ),
    Explanation(
        "read while it was still being created",
        ("6917fd4b35a5",),
        (r"value of properties\.provisioningState: 'Creating', ours 'Succeeded'",),
    ),
    Explanation(
        "since 2025, the creation of a workspace has an operation in every recording; before, in none",
        ("67c93faecec2",),
        (r"header azure-asyncoperation: none, ours https:.*",),
    ),
    Explanation(
        "identities of a preview of 2021 have a URL for their secret",
        ("53ca2ca690b6",),
        (r"missing: properties\.clientSecretUrl",),
    ),
    Explanation(
        "a registry whose creation had failed",
        ("c4a9112ff731",),
        (r"value of value\[\]\.properties\.provisioningState: 'Failed', ours 'Succeeded'",),
    ),
    Explanation(
        "the recorder took the digest of an image for an e-mail address, and replaced half of it",
        ("4c566ee371c5",),
        (r"status: 202, ours 400", r"header location: https:.*, ours none", r"extra: error"),
    ),
    Explanation(
        "read while its cluster was still being changed",
        ("eca9aaec1e5b",),
        (r"value of properties\.provisioningState: 'Updating', ours 'Succeeded'",),
    ),
    Explanation(
        "one start of two said that it was not the latest operation",
        ("91520455339a",),
        (r"poll at azure-asyncoperation, (?:running|ended): (?:code: NotLatestOperation, .*|error .*|message: .*)",),
    ),
    Explanation(
        "the notebooks of this region were served from another one",
        ("1fb4e4217dcf",),
        (r"value of properties\.notebookInfo\.fqdn: .*westus2\.notebooks\.azure\.net', ours '.*westus3\.notebooks.*",),
    ),
)


def unexplained(recording: str, differences: Iterable[str]) -> list[str]:
    """The differences of a recording without an explanation."""
    return [line for line in differences if not any(entry.explains(recording, line) for entry in EXPLAINED)]
