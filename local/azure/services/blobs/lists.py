"""Lists of containers and blobs, page by page, as XML."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from local.azure.core.requests import Request
from local.azure.core.responses import Answer
from local.azure.core.store import Document
from local.azure.services.blobs.leases import BlobRefused

XML = "application/xml"
LARGEST_PAGE = 5000


def list_containers(request: Request, containers: Mapping[str, Document]) -> Answer:
    """The containers of the account, by name."""
    prefix, after, top = request.query.get("prefix", ""), request.query.get("marker", ""), _top(request)
    names = sorted(name for name in containers if name.startswith(prefix) and name >= after)
    items = []
    for name in names[:top]:
        document = containers[name]
        etag = f"<Etag>{escape(document['etag'])}</Etag>"
        fields = f"<Last-Modified>{document['modified']}</Last-Modified>{etag}<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        meta = _meta_xml(document) if "metadata" in request.query.get("include", "") else ""
        items.append(f"<Container><Name>{escape(name)}</Name><Properties>{fields}</Properties>{meta}</Container>")
    following = names[top] if len(names) > top else ""
    return _list(request, "", prefix, top, f"<Containers>{''.join(items)}</Containers>", following)


def list_blobs(request: Request, container: str, blobs: Mapping[str, Document]) -> Answer:
    """The blobs of a container, by name; with a delimiter, deeper names are shown as folders."""
    prefix, after, top = request.query.get("prefix", ""), request.query.get("marker", ""), _top(request)
    delimiter = request.query.get("delimiter", "")
    found: dict[str, Document | None] = {}
    for name, document in sorted(blobs.items()):
        if not name.startswith(prefix):
            continue
        head, cut, _ = name.removeprefix(prefix).partition(delimiter) if delimiter else (name, "", "")
        shown = prefix + head + cut if cut else name
        if shown >= after:
            found.setdefault(shown, None if cut else document)
    names = sorted(found)
    items = [_blob_xml(name, found[name], request) for name in names[:top]]
    following = names[top] if len(names) > top else ""
    return _list(request, container, prefix, top, f"<Blobs>{''.join(items)}</Blobs>", following)


def _blob_xml(name: str, document: Document | None, request: Request) -> str:
    if document is None:
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    fields = {
        "Creation-Time": document["created"],
        "Last-Modified": document["modified"],
        "Etag": document["etag"].strip('"'),
        "Content-Length": document["size"],
        "Content-Type": document["type"],
        "Content-MD5": document["md5"],
        "BlobType": "BlockBlob",
    }
    items = "".join(f"<{field}>{escape(str(value))}</{field}>" for field, value in fields.items())
    meta = _meta_xml(document) if "metadata" in request.query.get("include", "") else ""
    return f"<Blob><Name>{escape(name)}</Name><Properties>{items}</Properties>{meta}</Blob>"


def _meta_xml(document: Document) -> str:
    items = (f"<{name}>{escape(value)}</{name}>" for name, value in document["metadata"].items())
    return f"<Metadata>{''.join(items)}</Metadata>"


def _list(request: Request, container: str, prefix: str, top: int, items: str, following: str) -> Answer:
    where = f' ServiceEndpoint="{request.base}/"' + (f' ContainerName="{escape(container)}"' if container else "")
    fields = (
        f"<Prefix>{escape(prefix)}</Prefix><MaxResults>{top}</MaxResults>{items}<NextMarker>{escape(following)}</NextMarker>"
    )
    text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults{where}>{fields}</EnumerationResults>'
    return Answer(200, text.encode(), {"Content-Type": XML})


def _top(request: Request) -> int:
    text = request.query.get("maxresults", str(LARGEST_PAGE))
    if not text.isdigit() or int(text) == 0:
        raise BlobRefused(
            400,
            "OutOfRangeQueryParameterValue",
            "One of the query parameters specified in the request URI is outside the permissible range.",
        )
    return min(int(text), LARGEST_PAGE)
