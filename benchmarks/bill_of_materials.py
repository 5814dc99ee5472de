"""Software bill of materials of an installed advkit (CycloneDX 1.5, JSON).

    python -m advkit.benchmarks.bill_of_materials > sbom.json

Lists advkit and its installed direct and transitive dependencies, with versions, licences and the
dependency graph. The same installation gives the same bytes.
"""

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement


def required(of: Distribution) -> list[str]:
    """Return the names that ``of`` requires on this platform, without extras."""
    wanted = [Requirement(text) for text in of.requires or ()]
    here = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return sorted({normal(one.name) for one in here})


def normal(name: str) -> str:
    """Return a package name in normalised form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(top: str) -> dict[str, Distribution]:
    """Return ``top`` and its transitive dependencies by name; only those installed."""
    found: dict[str, Distribution] = {}
    left = [top]
    while left:
        name = normal(left.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        left += required(found[name])
    return dict(sorted(found.items()))


def bill(top: str = "advkit") -> dict[str, Any]:
    """Return the bill of materials of ``top`` as CycloneDX 1.5."""
    parts = closure(top)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": _component(top, parts[top])},
        "components": [_component(name, one) for name, one in parts.items() if name != top],
        "dependencies": [
            {"ref": _reference(name, one),
             "dependsOn": [_reference(n, parts[n]) for n in required(one) if n in parts]}
            for name, one in parts.items()
        ],
    }  # fmt: skip


def _component(name: str, one: Distribution) -> dict[str, Any]:
    about = one.metadata.json
    licence = str(about.get("license_expression") or about.get("license") or "").partition("\n")[0]
    found = {"type": "library", "bom-ref": _reference(name, one), "name": name,
             "version": one.version, "purl": _reference(name, one)}  # fmt: skip
    return {**found, **({"licenses": [{"license": {"name": licence}}]} if licence else {})}


def _reference(name: str, one: Distribution) -> str:
    return f"pkg:pypi/{name}@{one.version}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill(), indent=2) + "\n")
