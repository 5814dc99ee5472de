"""The Python interface of `advkit doctor`: checks of the installation and the machine."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from advkit.api.auditing import audit
from advkit.data.specs import load_data
from advkit.engine import evaluate
from advkit.engine.objectives import margin
from advkit.errors import ResourceError
from advkit.evaluate.fingerprint import environment
from advkit.inspection.findings import Finding, advice_of, finding
from advkit.inspection.machine_checks import CPU, place
from advkit.inspection.packages import extras, needed
from advkit.models.specs import load_model

NET, DATA, IMAGES, EPS = "bundled:digits-cnn", "bundled:digits", 24, 0.1
STEP, CLOSE = 1e-6, 1e-4
"""Step of central differences in float64, and the relative error accepted for a correct gradient.
"""


def examine(
    *, test: bool = True, folder: Path = Path("runs"),
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Return versions, machine, optional extras, and whether a small audit works.

    ``folder`` is where runs will be written; without ``test`` nothing is run. Findings are as in
    `advkit.inspection.findings`.
    """
    packages, machine, optional = list(needed()), list(place(folder)), list(extras())
    broken = [f"The extra {each.name} is broken: {each.get}" for each in optional if each.broken]
    tests = []
    for done, check in enumerate((gradients, small_audit) if test else (), 1):
        tests.append(check())
        progress("self-test", done, 2)
    found = {"packages": packages, "machine": machine, "tests": tests}
    return {
        "environment": environment(CPU),
        **{name: [each._asdict() for each in rows] for name, rows in found.items()},
        "extras": [each._asdict() for each in optional],
        "advice": [*advice_of([*packages, *machine, *tests]), *broken],
    }


def gradients() -> Finding:
    """Compare the gradient of a net with central differences of its values, in float64."""
    samples, model = load_data(DATA, limit=4), load_model(NET).double()
    x, ask = samples.x.double(), margin(model, samples.y)
    along = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    ahead, behind = (evaluate(ask, x + s * STEP * along, gradient=False).value for s in (1, -1))
    measured = (ahead - behind) / (2 * STEP)
    told = (evaluate(ask, x).gradient * along).flatten(1).sum(1)
    off = float(((measured - told).abs() / told.abs().clamp_min(1e-9)).max())
    return finding(
        "gradient", off > CLOSE, f"differs from central differences by {off:.1g} at most",
        "Automatic differentiation is wrong here: install torch again.",
    )  # fmt: skip


def small_audit() -> Finding:
    """Audit a bundled net on a few images, twice with other batches: rows must be equal."""
    began = time.perf_counter()
    try:
        first, second = (_distances(size) for size in (IMAGES, 5))
    except ResourceError as error:
        return finding(
            "audit", True, str(error), "Make room there, or set TMPDIR to another folder."
        )
    except Exception as error:
        seen = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return finding(
            "audit", True, seen, "A small audit fails here: advkit -vv audit says where."
        )
    took, alike = time.perf_counter() - began, first == second
    seen = (
        f"{sum(1 for d in first if d > EPS)} of {IMAGES} digits survive Linf {EPS:g}, "
        f"{'the same' if alike else 'others'} in other batches; {took:.1f} s for both audits"
    )
    advice = "Results depend on the batch here: give --batch-size, and report it."
    return finding("audit", not alike, seen, advice)


def _distances(batch_size: int) -> list[float]:
    """Return the distance of each image's nearest example, infinity if there is none."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        audit(NET, DATA, eps=EPS, limit=IMAGES, suite="quick", out=out, batch_size=batch_size,
              jobs=1, device="cpu")  # fmt: skip
        return pd.read_csv(out / "samples.csv")["distance"].fillna(float("inf")).tolist()
