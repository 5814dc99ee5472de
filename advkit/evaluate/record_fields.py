"""Whether a JSON file of a run has the fields that advkit writes, by JSON Schema."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from advkit.errors import InputError

Schema = Mapping[str, Any]
NAMES = {"object": "an object", "array": "a list", "string": "a text", "integer": "an integer",
         "boolean": "true or false", "number": "a finite number", "measured": "a number",
         "null": "null"}  # fmt: skip


USUAL = Draft202012Validator.TYPE_CHECKER


def _is_integer(_checker: Any, value: Any) -> bool:
    return isinstance(value, int) and bool(USUAL.is_type(value, "number"))  # 1.0 is no index


def _is_finite(_checker: Any, value: Any) -> bool:
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return finite and bool(USUAL.is_type(value, "number"))


def _is_measured(_checker: Any, value: Any) -> bool:
    return bool(USUAL.is_type(value, "number"))


TYPES = {"integer": _is_integer, "number": _is_finite, "measured": _is_measured}
Validator = extend(Draft202012Validator, type_checker=USUAL.redefine_many(TYPES))


def check_fields(content: Any, schema: Schema, file: Path) -> None:
    """Raise InputError, which names the field, if the content of ``file`` breaks ``schema``.

    Of type ``number`` are finite ones only; NaN and infinities are of type ``measured``.
    """
    found = next(Validator(schema).iter_errors(content), None)
    if found is not None:
        raise damaged(file, _told(found))


def damaged(file: Path, why: str) -> InputError:
    """Return the error for a ``file`` of a run that advkit did not write like this."""
    hint = "restore it, or run its command again with --fresh"
    return InputError(f"{file} is damaged: {why}", hint, code="E313")


def _told(error: ValidationError) -> str:
    field = error.json_path.removeprefix("$").removeprefix(".")
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"{field}{'.' if field else ''}{missing} is missing"
    return f"{field or 'the whole'} is {_short(error.instance)}, not {_wanted(error)}"


def _wanted(error: ValidationError) -> str:
    """Return in words what the value should be."""
    rule, schema = error.validator_value, error.schema
    if error.validator == "type":
        return " or ".join(NAMES[name] for name in ([rule] if isinstance(rule, str) else rule))
    if error.validator in ("const", "enum"):
        return " or ".join(map(_short, rule if error.validator == "enum" else [rule]))
    if error.validator in ("minimum", "maximum"):
        low, high = schema["minimum"], schema.get("maximum")
        return f"{low:g} or more" if high is None else f"from {low:g} to {high:g}"
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    return f"a list of {least}" + ("" if least == most else " or more")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
