"""Reductions of documented commands for tests: fewer images and steps, never another request."""

import re

import click
import pytest

from advkit.attacks.below_hearing import masked
from advkit.evaluate.suites import SUITES, Care, Suite

# Appended to the line if the command has the option, which only sets the amount of work.
FEWER = {
    "--limit": {"audit": 2, "attack": 2, "certify": 1, "transfer": 12, "inspect": 12, "train": 300},
    "--clips": {"speech": 2},
    "--images": {"explain": 1, "invert": 1, "embed": 40},
    "--steps": {"speech": 8, "visualize": 2, "invert": 2, "fool": 2, "dream": 1, "style": 2},
    "--perplexity": {"embed": 3},
    "--longest": {"dream": 48, "style": 48},
}
# The same, but only if the line has the option; otherwise it would change the request.
FEWER_WHERE_SAID = {
    "--queries": 24,
    "--draws": 100,
    "--seconds": 0.2,
    "--several": 2,
    "--frames": 2,
    "--seeds": 1,
}
# Values for options that the line does not give.
LESS = {
    "ADVKIT_ATTACK_MODEL": "bundled:digits-cnn",
    "ADVKIT_AUDIT_MODEL": "bundled:digits-cnn",
    "ADVKIT_CERTIFY_MODEL": "bundled:digits-cnn",
    "ADVKIT_GALLERY_MODEL": "bundled:digits-cnn",
    "ADVKIT_LINEARITY_DATA": "bundled:digits",
    "ADVKIT_AUDIT_EPS": "0.1",
    "ADVKIT_AUDIT_SUITE": "quick",
    "ADVKIT_AUDIT_BOUNDS": "off",
    "ADVKIT_AUDIT_JOBS": "1",
    "ADVKIT_ATTACK_JOBS": "1",
    "ADVKIT_CERTIFY_JOBS": "1",
    "ADVKIT_DOCTOR_NO_TEST": "true",
    "ADVKIT_GALLERY_ONLY": "visualize dream",
    "ADVKIT_GALLERY_QUICK": "true",
    "ADVKIT_LINEARITY_LIMIT": "40",
    "ADVKIT_LINEARITY_PART": "numbers images nets",
    "ADVKIT_SPEECH_STRINGS": "0",
    "ADVKIT_TRANSFER_ARCHITECTURES": "logistic,mlp?width=8&depth=1",
    "ADVKIT_TRANSFER_CLASSICAL": "false",
    "ADVKIT_TRANSFER_EPOCHS": "8",
    "ADVKIT_TRANSFER_FIRST": "12",
    "ADVKIT_TRANSFER_JOBS": "1",
    "ADVKIT_TRANSFER_QUERIES": "24",
    "ADVKIT_TRANSFER_ROBUST": "none",
    "ADVKIT_TRANSFER_SEEDS": "1",
    "ADVKIT_TRANSFER_STEPS": "2",
}
CARE, CLIMB = Care(images=4, steps=8, queries=20), (0, 1, 2, 4, 8)


def lessen(patch: pytest.MonkeyPatch) -> None:
    """Reduce the work of commands while ``patch`` is active, also where no option exists."""
    for name, value in LESS.items():
        patch.setenv(name, value)
    for suite in SUITES.values():
        for norm, one in suite.items():
            patch.setitem(suite, norm, shorter(one))
    for module in ("attack_checks", "budget", "check_units"):  # each has imported the name
        patch.setattr(f"advkit.evaluate.{module}.CLIMB", CLIMB)
    patch.setitem(masked.__kwdefaults__, "steps", 20)


def shorter(suite: Suite) -> Suite:
    """Return the suite with few steps and queries, and with checks on few images."""
    parts = {
        part: tuple(re.sub(r"(steps|queries)=\d+", r"\1=10", attack) for attack in attacks)
        for part, attacks in suite._asdict().items()
        if part not in ("near", "care")
    }
    return suite._replace(**parts, care=CARE)


def fewer(words: list[str], command: click.Command) -> list[str]:
    """Return the options that make ``words`` ('audit', ...) small."""
    has = {name for param in command.params for name in param.opts}
    always = {name: few[words[0]] for name, few in FEWER.items() if words[0] in few}
    if any("spoken" in word for word in words):
        always["--limit"] = 1  # a clip is 8,000 numbers
    said = {name: most for name, most in FEWER_WHERE_SAID.items() if name in words}
    return [
        word
        for name, most in {**always, **said}.items()
        if name in has
        for word in (name, str(most))
    ]
