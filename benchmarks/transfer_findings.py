"""Measured differences between attacks, compared with the order reported in the literature."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from advkit.benchmarks.transfer_measures import Clean, across, difference
from advkit.benchmarks.transfer_runs import Key, Net, Read, Setting


class Claim(NamedTuple):
    """A reported order: ``better`` transfers more than ``worse``; ``what`` is its description."""

    better: str
    worse: str
    what: str
    source: str


CLAIMS = (
    Claim("fgsm", "bim", "one step over many plain ones", "Kurakin et al. 2017"),
    Claim("mifgsm", "bim", "momentum over plain steps", "Dong et al. 2018"),
    Claim("dim", "mifgsm", "input diversity over momentum alone", "Xie et al. 2019"),
    Claim("vmifgsm", "mifgsm", "variance tuning over momentum alone", "Wang and He 2021"),
)


def findings(
    setting: Setting, nets: Sequence[Net], clean: Clean, reads: dict[Key, Read],
    labels: Sequence[str], ensembles: Sequence[dict[str, Any]],
) -> list[str]:  # fmt: skip
    """Return a sentence per claim whose attacks were run, and one on ensembles."""
    by_name = {label.partition(":")[0]: label for label in labels}
    told = []
    for claim in CLAIMS:
        if claim.better not in by_name or claim.worse not in by_name:
            continue
        pairs = [across(clean, reads, nets, Key("", by_name[name], setting.main))
                 for name in (claim.better, claim.worse)]  # fmt: skip
        gap = difference(pairs[0], pairs[1], setting.seed)
        if gap:
            names = f"{claim.better} versus {claim.worse}"
            told.append(f"{claim.what.capitalize()} ({names}): {_points(gap)}; {claim.source} "
                        f"report more. {_agrees(gap)}")  # fmt: skip
    if len(ensembles) > 1:
        most = ensembles[-1]
        told.append(
            f"{most['sources']} source nets instead of one: "
            f"{_points(most['over_one'])}; Liu et al. 2017 report more. {_agrees(most['over_one'])}"
        )
    return told


UNDECIDED = "No conclusion here: the intervals overlap or include 0."


def _points(gap: dict[str, float]) -> str:
    value, low, high = (100 * gap[name] for name in ("value", "low", "high"))
    return f"{value:+.1f} points (95% interval {low:+.1f} to {high:+.1f})"


def _agrees(gap: dict[str, float]) -> str:
    if gap["low"] > 0:
        return "This study agrees."
    return "This study finds the opposite." if gap["high"] < 0 else UNDECIDED
