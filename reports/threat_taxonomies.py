"""Terms of MITRE ATLAS, OWASP and NIST for the attacks of an audit."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

VERSION = "2026-11"
FILE = Path(__file__).parent / "vocabulary" / f"{VERSION}.json"


def mapped(knows: Iterable[str]) -> dict[str, str]:
    """Return by source the terms that attacks map to, given what each of them knows.

    ``knows`` are the words of `advkit ls attacks`: gradients, scores, decisions. Nothing more than
    "maps to" is claimed: the sources certify nothing.
    """
    table: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    kinds = dict.fromkeys(kind.split()[0] for kind in knows)
    found: dict[str, str] = {}
    for short, source in table["sources"].items():
        terms = dict.fromkeys(table[kind][short] for kind in kinds if kind in table)
        found[source] = "; ".join(terms)
    return found
