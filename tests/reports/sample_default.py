"""A synthetic audit as long as the default one: 28 rows of attacks, every check, ten classes."""

from itertools import permutations

from advkit.evaluate.trust_checks import TEXTS
from advkit.reports import AttackRow, Audit
from advkit.reports.tables import Breakdown, Check, Courses, Trust
from tests.reports.sample_audit import CLASSES, sample_audit, wilson

EPS = (0.05, 0.1, 0.15)
MEMBERS = {
    "noise": {"draws": 4},
    "fgsm": {},
    "pgd": {"steps": 10, "step": 0.25, "loss": "margin", "decay": 0.0, "restarts": 1},
    "apgd:steps=30,loss=ce": {"steps": 30, "loss": "ce", "restarts": 1},
    "apgd_targeted:steps=30,n_targets=1,try_steps=5": {"steps": 30, "n_targets": 1, "loss": "dlr"},
    "square": {"queries": 60, "share": 0.8},
    "apgd:steps=100,loss=margin": {"steps": 100, "loss": "margin", "restarts": 1},
    "apgd_targeted:steps=100,n_targets=3,try_steps=5": {"steps": 100, "n_targets": 3},
    "md": {"steps": 40, "restarts": 2},
}


def default_sized_audit() -> Audit:
    """Return an audit with as many results as `advkit audit` writes by default."""
    audit = sample_audit((0.05, 0.1, 0.15))
    added = {eps: {name: 5 + at for at, name in enumerate(MEMBERS)} for eps in EPS}
    rows = [
        AttackRow(name, eps, 800, 5 + at, 0, 160.5, 160.5, 9.5, options)
        for eps in EPS
        for at, (name, options) in enumerate(MEMBERS.items())
    ]
    lost = sum(5 + at for at in range(len(MEMBERS)))
    robust = [(eps, wilson(audit.clean.count - lost, 1000)) for eps in EPS]
    return sample_audit(
        EPS, added=added, attacks=[*rows, rows[0]], robust=robust, curve=audit.curve[::5],
        trust=_every_check(), breakdown=sample_breakdown(), band=0.043, needed=2173,
    )  # fmt: skip


def sample_breakdown() -> Breakdown:
    """Return ten classes of 100 images; class k loses 2 + k images with each eps."""
    by_class = [
        (name, wilson(90, 100), [wilson(90 - (2 + k) * step, 100) for step in (1, 2, 3)])
        for k, name in enumerate(CLASSES)
    ]
    pairs = [(a, b, 1 + len(a)) for a, b in list(permutations(CLASSES, 2))[::2]]
    ends = [(f"test-{at:05d}", CLASSES[at], 0.01 * (1 + at)) for at in range(6)]
    edges = [at * 0.233 / 40 for at in range(41)]
    return Breakdown(by_class, pairs, [3 + at % 7 for at in range(40)], edges, 18, ends, ends)


def _every_check() -> Trust:
    seen = "At eps 0.15 random noise fools 5 of 64 images, and PGD with as many steps 24 of 64."
    checks = [Check(name, "pass", seen, *texts) for name, texts in TEXTS.items()]
    return Trust("ok", "17 of 17 checks passed.", checks, sample_courses())


def sample_courses() -> Courses:
    """Return margins that rise and converge below 0."""
    middle = [-5.0, -2.0, -1.5, -1.4, -1.38]
    low, high = ([each + by for each in middle] for by in (-1.0, 0.8))
    return Courses([0, 5, 20, 50, 100], low, middle, high, [-2.0, -0.6, -0.2, -0.11, -0.1])
