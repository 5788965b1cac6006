"""The interface as a page for people: made of the OpenAPI document, with nothing fetched from anywhere."""

import html
import json
import re
from typing import Any

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
details { border-top: 1px solid #8884; padding: .4rem 0 }
summary { cursor: pointer }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow: auto; padding: .6rem; background: #8881; border-radius: .4rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0 }
b.method { display: inline-block; min-width: 4.5rem }
"""
MARKED = re.compile(r"`([^`]+)`")


def page_of(document: dict[str, Any]) -> str:
    """The page."""
    info = document["info"]
    operations = [
        (method, path, operation) for path, methods in document["paths"].items() for method, operation in methods.items()
    ]
    tags = dict.fromkeys(operation["tags"][0] for _, _, operation in operations)
    parts = [
        f"<h2>{_text(tag)}</h2>" + "".join(_operation(*each) for each in operations if each[2]["tags"][0] == tag)
        for tag in tags
    ]
    schemas = document["components"]["schemas"]
    shapes = "".join(
        f'<details id="{_text(name)}"><summary><code>{_text(name)}</code></summary>{_json(schema)}</details>'
        for name, schema in sorted(schemas.items())
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f"<h1>{_text(info['title'])}</h1><p>{_words(info['description'])}</p>"
        '<p>The same for programs: <a href="openapi.json">openapi.json</a>. '
        "A key goes into the header <code>x-functions-key</code>, a token into <code>Authorization</code>.</p>"
        f"{''.join(parts)}<h2>Problems</h2>{_problems(operations)}<h2>Shapes</h2>{shapes}</body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    parts = [f"<p>{_words(operation.get('description', ''))}</p>", _parameters(operation["parameters"])]
    parts += [f"<p>Takes <code>{_text(media)}</code></p>{_json(content)}" for media, content in body.items()]
    parts.append(_answers(operation["responses"]))
    head = f'<b class="method">{_text(method.upper())}</b> <code>{_text(path)}</code> &nbsp; {_words(operation["summary"])}'
    return f'<details id="{_text(operation["operationId"])}"><summary>{head}</summary>{"".join(parts)}</details>'


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{_text(each['name'])}</code></td><td>{_text(each['in'])}</td>"
        f"<td>{_words(each.get('description', ''))} <code>{_text(json.dumps(each['schema']))}</code></td></tr>"
        for each in parameters
    )
    return f"<table>{rows}</table>" if rows else ""


def _answers(responses: dict[str, Any]) -> str:
    rows = []
    for status, response in responses.items():
        said = [f"{_text(media)} {_shape(content['schema'])}" for media, content in response["content"].items()]
        kinds = [
            f'<a href="#{_slug(example["value"]["type"])}">{_text(example["value"]["title"])}</a>'
            for content in response["content"].values()
            for example in content.get("examples", {}).values()
        ]
        words = "<br>".join(said) + (f"<br>{', '.join(kinds)}" if kinds else "")
        rows.append(f"<tr><td>{_text(status)}</td><td>{_text(response['description'])}</td><td>{words}</td></tr>")
    return f"<table><tr><th>Answers</th><th></th><th></th></tr>{''.join(rows)}</table>"


def _problems(operations: list[tuple[str, str, dict[str, Any]]]) -> str:
    """Every problem once, under the anchor that its type leads to."""
    known = {
        example["value"]["type"]: example
        for _, _, operation in operations
        for response in operation["responses"].values()
        for content in response["content"].values()
        for example in content.get("examples", {}).values()
    }
    return "".join(
        f'<details id="{_slug(kind)}"><summary>{_text(str(example["value"]["status"]))} {_text(example["value"]["title"])}'
        f"</summary><p>{_words(example['summary'])}</p>{_json(example['value'])}</details>"
        for kind, example in sorted(known.items())
    )


def _shape(schema: dict[str, Any]) -> str:
    names = [each.get("$ref", "").rpartition("/")[2] for each in schema.get("anyOf", [schema])]
    return ", ".join(f'<a href="#{_text(name)}"><code>{_text(name)}</code></a>' for name in names if name)


def _slug(kind: str) -> str:
    return _text(kind.partition("#")[2])


def _json(value: Any) -> str:
    return f"<pre>{_text(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _words(text: str) -> str:
    return MARKED.sub(r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return html.escape(text)
