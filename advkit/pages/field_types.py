"""Short names for the JSON Schema of fields that pages read."""

from typing import Any

from advkit.evaluate.record_fields import Schema


def fields(**known: Schema) -> dict[str, Any]:
    """Return the schema of an object that has all these fields."""
    return {"type": "object", "required": list(known), "properties": known}


def rows(**known: Schema) -> dict[str, Any]:
    """Return the schema of a list of such objects."""
    return {"type": "array", "items": fields(**known)}


def either(*types: str) -> dict[str, Any]:
    """Return the schema of a value of one of these types."""
    return {"type": list(types)}


TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
NUMBER, FLAG = {"type": "number"}, {"type": "boolean"}
MEASURED = {"type": "measured"}
COUNT = {"type": "integer", "minimum": 0}
PART = {"type": "number", "minimum": 0, "maximum": 1}
SHARE = fields(value=PART, low=PART, high=PART, count=COUNT, n=COUNT)
OR_NONE = {**SHARE, "type": ["object", "null"]}
