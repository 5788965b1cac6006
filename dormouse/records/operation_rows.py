"""Rows of operations: their keys, their columns, and what is known of one whose document cannot be read."""

import json
from dataclasses import dataclass

from dormouse.environments.operations import OperationRecord
from dormouse.ids import CROCKFORD
from dormouse.records.documents import Documents, read_document
from dormouse.records.table import Row

OPERATIONS = "operations"
NEWEST_FIRST = str.maketrans(CROCKFORD, CROCKFORD[::-1])
ENVIRONMENT, VERB, BY, OUTCOME = "Environment", "Verb", "By", "Outcome"


@dataclass(frozen=True, slots=True)
class UnreadableOperation:
    """An operation whose record is unreadable: its ID, its environment, and the reason."""

    id: str
    environment: str
    reason: str


def operation_in(row: Row) -> OperationRecord:
    """The operation in a row; raises UnreadableRecord."""
    return read_document(OPERATIONS, OperationRecord, row)


def columns_of(record: OperationRecord) -> dict[str, str]:
    """The columns of the row of an operation: what lists are narrowed and sorted by."""
    outcome = record.outcome.status.value if record.outcome else ""
    return {ENVIRONMENT: record.environment, VERB: record.verb.value, BY: record.by, OUTCOME: outcome}


def unreadable_operation(row: Row, found: Documents[OperationRecord]) -> UnreadableOperation:
    """What is known of an operation whose record is unreadable."""
    try:
        content = json.loads(row.document)
    except ValueError:
        content = None
    told = content if isinstance(content, dict) else {}
    environment = row.columns.get(ENVIRONMENT, "")
    return UnreadableOperation(str(told.get("id", row.key)), environment, str(found.unreadable[row.key]))
