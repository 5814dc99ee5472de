"""The Python interface of `advkit compare`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advkit.evaluate.run_folder import writing_to
from advkit.pages.comparisons import comparison_of, summary_of
from advkit.reports import comparison_page


def compare(
    first: str | Path | Mapping[str, Any],
    second: str | Path | Mapping[str, Any],
    *,
    force: bool = False,
    command: str = "",
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Compare two run directories of audits, or what `audit` returned, image by image.

    Returns how many images survive in which run at each eps, and whether the difference can be
    chance (McNemar 1947, exact); with ``out`` writes a page. ``force`` compares the common part if
    images or eps differ. Raises InputError.

    >>> one, two = (
    ...     advkit.audit(f"bundled:{name}", eps=0.1, attacks=["fgsm"], limit=20)
    ...     for name in ("fashion-mnist-logistic", "fashion-mnist-cnn-robust")
    ... )
    >>> found = advkit.compare(one["out"], two["out"])
    >>> found["n"], found["eps"][0]["p"] < 0.05
    (20, True)
    """
    both = comparison_of(_folder(first), _folder(second), force=force, command=command)
    if out:
        with writing_to(Path(out)):
            Path(out).write_text(comparison_page(both), encoding="utf-8")
    return {**summary_of(both), "report": str(out) if out else None}


def _folder(run: str | Path | Mapping[str, Any]) -> Path:
    return Path(run["out"] if isinstance(run, Mapping) else run)
