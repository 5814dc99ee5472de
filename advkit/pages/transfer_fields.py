"""The fields of `run.json` that the pages of `advkit transfer` need, as JSON Schema."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from advkit.benchmarks.likeness import PREDICTORS
from advkit.evaluate.record_fields import Schema
from advkit.pages.field_types import (
    COUNT,
    FLAG,
    NUMBER,
    OR_NONE,
    PART,
    SHARE,
    TEXT,
    TEXTS,
    either,
    fields,
    rows,
)

NAMED = fields(name=TEXT, n=COUNT)
COMMON: dict[str, Schema] = {
    **dict.fromkeys(("verdict", "norm", "command", "started", "finished"), TEXT),
    "environment": {"type": "object", "additionalProperties": TEXT},
    "notes": TEXTS,
    "data": NAMED,
}
TRANSFER = fields(
    **COMMON,
    classes=TEXTS, findings=TEXTS, shown=TEXT, training=TEXT, targets=either("string", "null"),
    seed={"type": "integer"}, steps=COUNT, main_eps=NUMBER,
    nets={"minItems": 1, **rows(name=TEXT, family=TEXT, source=FLAG, robust=FLAG)},
    clean=rows(name=TEXT, **SHARE["properties"]),
    cells=rows(source=TEXT, target=TEXT, attack=TEXT, targeted=FLAG, success=PART, low=PART,
               high=PART, count=COUNT, n=COUNT),
    ranked=rows(attack=TEXT, success=SHARE, white_box=OR_NONE, targeted=OR_NONE,
                same_class=either("number", "null"), same_by_chance=either("number", "null"),
                forwards=NUMBER, backwards=NUMBER),
    curves=rows(attack=TEXT, eps=NUMBER, success=SHARE),
    itself=rows(eps=NUMBER, success=SHARE),
    by_target=rows(name=TEXT, success=SHARE),
    by_source=rows(name=TEXT, success=SHARE),
    robust_gap=rows(sources=TEXT, targets=TEXT, success=SHARE),
    predictors=rows(name={"enum": list(PREDICTORS)}, rho=NUMBER, p=NUMBER, pairs=COUNT),
    scatter=rows(source=TEXT, target=TEXT, family=either("boolean", "number"),
                 gradient=either("number", "null"), success=PART),
    ensembles=rows(sources=COUNT, success=SHARE),
)  # fmt: skip
QUERY = fields(
    **COMMON,
    target=TEXT, eps=NUMBER, budget={"type": "object"}, own=NAMED,
    rounds={"minItems": 1, **rows(queries=COUNT, agreement=PART, success=SHARE)},
    clean=SHARE, noise=SHARE, white_box=SHARE,
)  # fmt: skip


def contradictions(run: Mapping[str, Any]) -> Iterator[str]:
    """Yield which fields of a study do not agree with each other, as far as its page needs it."""
    names, shown = [net["name"] for net in run["nets"]], run["shown"]
    for name in sorted({*names} - {row["name"] for row in run["clean"]}):
        yield f"clean has no row for the net {name}"
    for field in ("ranked", "curves", "cells"):
        if shown not in {row["attack"] for row in run[field]}:
            yield f"{field} has no row for the attack shown, {shown}"
    for targeted in (False, True):
        pairs = {(row["source"], row["target"]) for row in run["cells"]
                 if row["attack"] == shown and row["targeted"] is targeted}  # fmt: skip
        for source, target in sorted({*product({s for s, _ in pairs}, names)} - pairs):
            yield f"cells has no row from {source} to {target}"
