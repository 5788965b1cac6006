"""Query strings, parsed from the URL: the Functions host drops empty values and joins repeated ones in `req.params`.

https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

from dormouse.errors import InvalidRequest

KEY = "code"  # the function key, which the host reads
MOST_PARAMETERS, LONGEST_SHOWN = 50, 40


def require_readable_query(req: func.HttpRequest, known: Iterable[str]) -> None:
    """Raise InvalidRequest for a query parameter that is unknown, empty, repeated, or was altered by the host."""
    written = written_in(req)
    names = [name for name, _ in written]
    strange = sorted({*names, *_ours(req.params)} - {*known})
    if strange:
        raise InvalidRequest(f"Unknown query parameter {shown(strange)}; remove it.")
    empty = sorted({name for name, value in written if not value})
    if empty:
        raise InvalidRequest(f"The query parameter {shown(empty)} has no value; set a value or remove it.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest(f"The query parameter {shown(twice)} is repeated; send it once.")
    lost = sorted(name for name, value in written if req.params.get(name) != value)
    if lost:
        raise InvalidRequest(f"The query parameter {shown(lost)} cannot be parsed; check its percent-encoding.")


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
