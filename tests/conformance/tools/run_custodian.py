"""Starts Cloud Custodian with the endpoint of the simulation, because it has the names of Azure's own clouds built in."""

import sys

from c7n.cli import main
from msrestazure.azure_cloud import AZURE_PUBLIC_CLOUD

AZURE_PUBLIC_CLOUD.endpoints.resource_manager = sys.argv.pop(1)
main()
