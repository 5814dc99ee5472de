"""The nearest point at which several linear functions have their gains, all at once.

Needed for a target among more than two classes: its logit above every other. Linf and L1 are linear
programs and L0 a mixed-integer one (HiGHS, Huangfu and Hall 2018, by scipy), without the box a
search over vertices (`fewest_moves`). L2 is a projection onto a polyhedron intersected with the
box, by Newton's method on its dual, which has one unknown per function. scipy is imported on use,
so that listing attacks is fast.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advkit.attacks.linear_fewest import fewest_moves

Floats = NDArray[np.float64]


def nearest_in_all(
    norm: str, x: Floats, slopes: Floats, gains: Floats, *, box: bool = True
) -> Floats | None:
    """Return the u nearest to ``x`` (d,) with slopes (k, d) . (u - x) >= ``gains`` (k,).

    With ``box`` u is in [0, 1]. None if there is no such point. Raises UsageError (L0 without the
    box, see `fewest_moves`).
    """
    if (gains <= 0).all():
        return x
    scale = np.abs(slopes).max(axis=1)
    if (gains[scale == 0] > 0).any():
        return None
    steep, scale = slopes[scale > 0], scale[scale > 0]
    wanted = gains[np.abs(slopes).max(axis=1) > 0] / scale
    far = np.full_like(x, np.inf)
    down, up = (x, 1 - x) if box else (far, far)
    steep = steep / scale[:, None]
    if norm == "L0" and not box:
        move = fewest_moves(steep, wanted)
    else:
        move = SOLVERS[norm](steep, wanted, down, up)
    return None if move is None else x + move


def _linf(slopes: Floats, gains: Floats, down: Floats, up: Floats) -> Floats | None:
    """Solve for the change and its size t: |change_i| <= t."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack, vstack

    k, d = slopes.shape
    one, eye = csr_array(np.ones((d, 1))), eye_array(d)
    sizes = vstack([hstack([eye, -one]), hstack([-eye, -one])])
    wanted = hstack([csr_array(-slopes), csr_array((k, 1))])
    found = linprog(
        np.r_[np.zeros(d), 1.0],
        A_ub=vstack([sizes, wanted]).tocsr(),
        b_ub=np.r_[np.zeros(2 * d), -gains],
        bounds=np.c_[np.r_[-down, 0.0], np.r_[up, np.inf]],
    )
    return found.x[:d] if found.success else None


def _l1(slopes: Floats, gains: Floats, down: Floats, up: Floats) -> Floats | None:
    """Solve for the positive and the negative part of the change of every entry."""
    from scipy.optimize import linprog

    d = slopes.shape[1]
    found = linprog(
        np.ones(2 * d),
        A_ub=np.c_[-slopes, slopes],
        b_ub=-gains,
        bounds=np.c_[np.zeros(2 * d), np.r_[up, down]],
    )
    return found.x[:d] - found.x[d:] if found.success else None


def _l0(slopes: Floats, gains: Floats, down: Floats, up: Floats) -> Floats | None:
    """Solve for the changes and for a switch per entry: if it is off the entry cannot change."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, diags_array, eye_array, hstack, vstack

    k, d = slopes.shape
    eye = eye_array(d)
    switched = vstack([hstack([eye, -diags_array(up)]), hstack([-eye, -diags_array(down)])])
    wanted = hstack([csr_array(slopes), csr_array((k, d))])
    found = milp(
        np.r_[np.zeros(d), np.ones(d)],
        integrality=np.r_[np.zeros(d), np.ones(d)],
        bounds=Bounds(np.r_[-down, np.zeros(d)], np.r_[up, np.ones(d)]),
        constraints=[
            LinearConstraint(switched.tocsr(), ub=np.zeros(2 * d)),
            LinearConstraint(wanted.tocsr(), lb=gains),
        ],
    )
    return found.x[:d] * (found.x[d:] > 0.5) if found.success else None


def _l2(slopes: Floats, gains: Floats, down: Floats, up: Floats) -> Floats | None:
    """Maximise the dual: change = clip(slopes' m) with one multiplier m >= 0 per function.

    The dual is concave and piecewise quadratic. On the piece given by the entries within their
    bounds its maximum is a non-negative least squares problem; each step goes towards it, as far as
    the dual rises. On the right piece the step is complete, and the next one is zero.
    """
    from scipy.optimize import linprog

    feasible = linprog(np.zeros_like(down), A_ub=-slopes, b_ub=-gains, bounds=np.c_[-down, up])
    if feasible.status == 2:
        return None
    m, ridge = np.zeros(len(gains)), 1e-12 * float((slopes**2).sum())
    for _ in range(200):
        free = (m @ slopes >= -down) & (m @ slopes <= up)
        walls = np.clip(m @ slopes, -down, up)[~free]
        way = _piece(slopes[:, free], gains - slopes[:, ~free] @ walls, ridge) - m
        if not (np.abs(way) > 1e-13 * (1 + np.abs(m))).any():
            break

        def rise(t: float, m: Floats = m, way: Floats = way) -> float:
            return float((gains - slopes @ np.clip((m + t * way) @ slopes, -down, up)) @ way)

        m = np.maximum(m + _top(rise) * way, 0)
    return np.clip(m @ slopes, -down, up)


def _piece(g: Floats, h: Floats, ridge: float) -> Floats:
    """Return the m >= 0 that maximises h . m - |g' m|^2 / 2; the ridge keeps it finite."""
    from scipy.optimize import nnls

    root = np.linalg.cholesky(g @ g.T + ridge * np.eye(len(h)))
    return np.asarray(nnls(root.T, np.linalg.solve(root, h))[0])


def _top(rise: Callable[[float], float]) -> float:
    """Return the t in (0, 1] at which a decreasing ``rise`` reaches 0, or 1 if it does not."""
    if rise(1.0) >= 0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rise(middle) > 0 else (low, middle)
    return high


SOLVERS: dict[str, Callable[..., Any]] = {"Linf": _linf, "L2": _l2, "L1": _l1, "L0": _l0}
