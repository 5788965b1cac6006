"""Query strings, parsed from the URL: the Functions host drops empty values and joins repeated ones in `req.params`.

https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

from dormouse.errors import InvalidRequest

KEY = "code"  # the function key, which the host reads
MOST_PARAMETERS, LONGEST_SHOWN = 50, 40


def query_faults(req: func.HttpRequest, known: Iterable[str]) -> dict[str, list[str]]:
    """The query parameters that are unknown, empty, repeated, or altered by the host, by a sentence about them.

    Raises InvalidRequest if the query cannot be parsed at all.
    """
    written = written_in(req)
    names = [name for name, _ in written]
    strange = {*names, *_ours(req.params)} - {*known}
    empty = {name for name, value in written if not value} - strange
    twice = {name for name in names if names.count(name) > 1} - strange - empty
    lost = {name for name, value in written if req.params.get(name) != value} - strange - empty - twice
    faults = {
        "Unknown query parameter {}; remove it.": strange,
        "The query parameter {} has no value; set a value or remove it.": empty,
        "The query parameter {} is repeated; send it once.": twice,
        "The query parameter {} cannot be parsed; check its percent-encoding.": lost,
    }
    return {words.format(shown(sorted(names))): sorted(names) for words, names in faults.items() if names}


def written_in(req: func.HttpRequest) -> list[tuple[str, str]]:
    """Every query parameter in the URL except the function key, in order; raises InvalidRequest."""
    try:
        pairs = parse_qsl(urlsplit(req.url).query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise InvalidRequest(f"The query cannot be parsed, or has more than {MOST_PARAMETERS} parameters.") from None
    return [(name, value) for name, value in pairs if name.lower() != KEY]


def _ours(names: Iterable[str]) -> set[str]:
    return {name for name in names if name.lower() != KEY}


def shown(names: Iterable[str]) -> str:
    """Names, quoted and separated by commas."""
    return ", ".join(repr(name[:LONGEST_SHOWN]) for name in names)
