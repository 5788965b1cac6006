"""Words that Azure rejects in the names of resources with a public endpoint.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name
"""

from local.azure.core.responses import Refused

WHOLE = [
    "ACCESS",
    "APP_CODE",
    "APP_THEMES",
    "APP_DATA",
    "APP_GLOBALRESOURCES",
    "APP_LOCALRESOURCES",
    "APP_WEBREFERENCES",
    "APP_BROWSERS",
    "AZURE",
    "BING",
    "BIZSPARK",
    "BIZTALK",
    "CORTANA",
    "DIRECTX",
    "DOTNET",
    "DYNAMICS",
    "EXCEL",
    "EXCHANGE",
    "FOREFRONT",
    "GROOVE",
    "HOLOLENS",
    "HYPERV",
    "KINECT",
    "LYNC",
    "MSDN",
    "O365",
    "OFFICE",
    "OFFICE365",
    "ONEDRIVE",
    "ONENOTE",
    "OUTLOOK",
    "POWERPOINT",
    "SHAREPOINT",
    "SKYPE",
    "VISIO",
    "VISUALSTUDIO",
    "WEB.CONFIG",
    "XBOX",
]


def check_reserved(name: str) -> None:
    """Raise the refusal of a name that is, or contains, a reserved word."""
    upper = name.upper()
    if upper in WHOLE or "MICROSOFT" in upper or "WINDOWS" in upper or upper.startswith("LOGIN"):
        # https://github.com/trailofbits/algo/issues/617
        text = f"The resource name '{name}' or a part of the name is a trademarked or reserved word."
        raise Refused(400, "ReservedResourceName", text)
