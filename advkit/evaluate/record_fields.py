"""Whether a JSON file of a run has the fields that advkit writes: the JSON Schema that we need."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from advkit.errors import InputError

Schema = Mapping[str, Any]
NUMBERS = (int, float)
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,),
    "integer": (int,), "number": NUMBERS, "null": (type(None),),
}  # fmt: skip
NAMES = {"object": "an object", "array": "a list", "string": "a text", "integer": "an integer",
         "boolean": "true or false", "number": "a finite number", "null": "null"}  # fmt: skip


def check_fields(content: Any, schema: Schema, file: Path) -> None:
    """Raise InputError, which names the field, if the content of ``file`` breaks ``schema``.

    Of JSON Schema 2020-12 this knows type, const, enum, required, properties, items,
    additionalProperties as a schema, minimum, maximum, minItems, maxItems, allOf, and $ref to
    $defs. Unlike there, a number is finite, other than with ``finite`` false.
    """
    found = next(_broken(content, schema, schema, ""), None)
    if found is not None:
        raise damaged(file, found)


def damaged(file: Path, why: str) -> InputError:
    """Return the error for a ``file`` of a run that advkit did not write like this."""
    hint = "restore it, or run its command again with --fresh"
    return InputError(f"{file} is damaged: {why}", hint, code="E313")


def _broken(value: Any, schema: Schema, root: Schema, field: str) -> Iterator[str]:
    """Yield what is wrong with ``value``, the content of ``field``."""
    if "$ref" in schema:
        yield from _broken(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, field)
    for one in schema.get("allOf", ()):
        yield from _broken(value, one, root, field)
    wanted = _unmet(value, schema)
    if wanted:
        yield f"{field or 'the whole'} is {_short(value)}, not {wanted}"
    elif isinstance(value, dict):
        yield from _in_object(value, schema, root, field)
    elif isinstance(value, list) and "items" in schema:
        for i, one in enumerate(value):
            yield from _broken(one, schema["items"], root, f"{field}[{i}]")


def _unmet(value: Any, schema: Schema) -> str:
    """Return in words what ``value`` itself should be; '' if it is."""
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else list(types)
    endless = isinstance(value, float) and not math.isfinite(value) and schema.get("finite", True)
    if types and (endless or not any(_is(value, name) for name in types)):
        return " or ".join(NAMES[name] for name in types)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum", [value])
    if value not in allowed:
        return " or ".join(_short(one) for one in allowed)
    if not _is(value, "number"):
        return _wrong_length(value, schema) if isinstance(value, list) else ""
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if not (value < low or value > high):
        return ""
    return f"from {low:g} to {high:g}" if "maximum" in schema else f"{low:g} or more"


def _wrong_length(value: list[Any], schema: Schema) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    if least <= len(value) <= most:
        return ""
    return f"a list of {least}" + ("" if least == most else " or more")


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def _in_object(value: Schema, schema: Schema, root: Schema, field: str) -> Iterator[str]:
    within = f"{field}." if field else ""
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{within}{name} is missing"
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items():
        rule = known.get(name, others)
        if isinstance(rule, Mapping):
            yield from _broken(one, rule, root, f"{within}{name}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
