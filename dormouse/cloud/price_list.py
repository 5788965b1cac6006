"""Pages of the Azure Retail Prices API, which is public and needs no credential.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from dormouse.errors import CloudUnavailable

if TYPE_CHECKING:
    from dormouse.cloud.clients import Cloud

SOURCE = "The Azure Retail Prices API"
CURRENCY = "USD"
API_VERSION = "2023-01-01-preview"
VIRTUAL_MACHINES = "Virtual Machines"
CONSUMPTION = "priceType eq 'Consumption'"
UNREADABLE = f"{SOURCE} returned a response that cannot be parsed; retry later."
HTTP_OK = 200


class PriceList:
    """The rows of a service that meet conditions."""

    def __init__(self, cloud: "Cloud") -> None:
        """Use the connections of this cloud, without its credential."""
        self._cloud = cloud

    async def rows(self, *, most_pages: int, service: str = VIRTUAL_MACHINES, **equal: str) -> list[Any]:
        """The rows in which these fields have these values; raises CloudUnavailable, also if they fill too many pages."""
        rows: list[Any] = []
        page = self._first_page(service, equal)
        for _ in range(most_pages):
            answer = await self._asked(page)
            try:
                rows += answer["Items"]
                following = answer.get("NextPageLink")
            except (KeyError, TypeError, AttributeError) as error:
                raise CloudUnavailable(UNREADABLE) from error
            if not following:
                return rows
            if _origin(str(following)) != _origin(page):
                raise CloudUnavailable(f"The next page of {SOURCE} is on another host; it is not requested.")
            page = str(following)
        raise CloudUnavailable(f"{SOURCE} returned more than {most_pages} pages of prices of {service}.")

    def _first_page(self, service: str, equal: dict[str, str]) -> str:
        about = f"serviceName eq '{service}'"
        wanted = " and ".join([about, CONSUMPTION, *(f"{name} eq '{value}'" for name, value in equal.items())])
        query = {"api-version": API_VERSION, "currencyCode": CURRENCY, "$filter": wanted}
        return f"{self._cloud.settings.retail_prices_url}/api/retail/prices?{urlencode(query)}"

    async def _asked(self, url: str) -> Any:
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        try:
            response = await self._cloud.transport.send(HttpRequest("GET", url), connection_timeout=5, read_timeout=10)
        except AzureError as error:
            raise CloudUnavailable(f"{SOURCE} did not answer; retry later.") from error
        if response.status_code != HTTP_OK:
            raise CloudUnavailable(f"{SOURCE} answered HTTP {response.status_code}; retry later.")
        try:
            return response.json()
        except ValueError as error:
            raise CloudUnavailable(UNREADABLE) from error


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
