"""Words that Azure reserves in the names of resources with a public endpoint.

https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name
"""

ANYWHERE = ("microsoft", "windows")
AT_THE_START = ("login",)
WHOLE = frozenset(
    "access app_browsers app_code app_data app_globalresources app_localresources app_themes app_webreferences azure bing "  # noqa: SIM905
    "bizspark biztalk cortana directx dotnet dynamics excel exchange forefront groove hololens hyperv kinect lync msdn o365 "
    "office office365 onedrive onenote outlook powerpoint sharepoint skype visio visualstudio web.config xbox".split()
)


def reserved_word_in(name: str) -> str:
    """The reserved word for which Azure rejects the name of a resource, or ""."""
    lowered = name.lower()
    if lowered in WHOLE:
        return lowered
    anywhere = next((word for word in ANYWHERE if word in lowered), "")
    return anywhere or next((word for word in AT_THE_START if lowered.startswith(word)), "")
