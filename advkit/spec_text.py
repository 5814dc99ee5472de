"""The text of a spec: ``scheme:ref?key=value&key=value``."""

from ast import literal_eval
from collections.abc import Collection, Iterable, Mapping
from os import PathLike, fspath
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from advkit.errors import UsageError, did_you_mean

LONGEST, LONGEST_PATH = 255, 1000  # bytes of a file name, characters of a path


class Spec(NamedTuple):
    """A parsed spec; ``scheme`` is empty if there is no colon."""

    text: str
    scheme: str
    ref: str
    query: dict[str, str]


def as_text(spec: object, what: str, hint: str) -> str:
    """Return a spec or a path as text; raises UsageError with ``hint`` for anything else."""
    if isinstance(spec, str | PathLike):
        return fspath(spec)
    raise UsageError(
        f"{what} is a {type(spec).__name__}, not the text of a spec", hint, code="E203"
    )


def parse_spec(text: str) -> Spec:
    """Parse ``text``; percent-escapes are decoded in values only. Raises UsageError."""
    head, _, tail = text.strip().partition("?")
    query: dict[str, str] = {}
    for item in filter(None, tail.split("&")):
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise UsageError(
                f"{item!r} in {text!r} is not key=value",
                "write ...?key=value&key=value",
                code="E206",
            )
        query[key] = unquote(value)
    _check_names([head, *query.values()])
    scheme, colon, ref = head.partition(":")
    return Spec(text, scheme, ref, query) if colon else Spec(text, "", head, query)


def with_query(text: str, more: Mapping[str, str]) -> str:
    """Return the spec ``text`` with ``more`` in its query, escaped for `parse_spec`."""
    added = "&".join(f"{key}={quote(value, safe='/:,')}" for key, value in more.items())
    return f"{text}{'&' if '?' in text else '?'}{added}" if added else text


def _check_names(texts: Iterable[str]) -> None:
    """Refuse names that no file can have: the system's own error messages say little."""
    for text in texts:
        try:
            sizes = [len(part.encode()) for part in text.replace(":", "/").split("/")]
        except UnicodeEncodeError as error:
            raise UsageError(f"{text!r} is not UTF-8 text", code="E206") from error
        if "\0" in text:
            raise UsageError(f"{text!r} holds a NUL character", code="E206")
        if max(sizes) > LONGEST or len(text) > LONGEST_PATH:
            raise UsageError(f"{text[:40]!r}... has {len(text):,} characters", "names are shorter",
                             code="E206")  # fmt: skip


def only(spec: Spec, known: Collection[str]) -> None:
    """Raise UsageError if ``spec`` has an option that is not in ``known``."""
    for key in spec.query:
        if key not in known:
            raise UsageError(
                f"{spec.text!r} has no option {key!r}", did_you_mean(key, known), code="E206"
            )


def numbers(spec: Spec, key: str) -> list[float] | None:
    """Return the comma-separated list ``key`` of ``spec``, or None if it is absent."""
    if key not in spec.query:
        return None
    try:
        return [float(part) for part in spec.query[key].split(",")]
    except ValueError as error:
        raise UsageError(
            f"{key}={spec.query[key]} in {spec.text!r} is not a list of numbers",
            f"write {key}=0.5 or {key}=0.485,0.456,0.406",
            code="E206",
        ) from error


def whole(spec: Spec, key: str, default: int) -> int:
    """Return the integer ``key`` of ``spec``."""
    try:
        return int(spec.query.get(key, default))
    except ValueError as error:
        raise UsageError(
            f"{key}={spec.query[key]} in {spec.text!r} is not a whole number",
            code="E206",
        ) from error


def literal(value: str) -> Any:
    """Return ``value`` as a number, true, false or none; otherwise ``value`` itself."""
    words = {"true": True, "false": False, "none": None}
    if value.lower() in words:
        return words[value.lower()]
    try:
        found = literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value
    return found if isinstance(found, int | float) else value


def flag(spec: Spec, key: str) -> bool:
    """Return whether ``key`` of ``spec`` is true; absent is false. Raises UsageError."""
    value = spec.query.get(key, "false").lower()
    if value not in ("true", "false"):
        raise UsageError(
            f"{key}={spec.query[key]} in {spec.text!r}", f"{key}=true or {key}=false", code="E206"
        )
    return value == "true"
