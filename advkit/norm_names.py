"""Names of norms as users write them: Linf, l2, L_inf."""

from collections.abc import Collection

from advkit.errors import UnknownNameError, did_you_mean

NORMS = ("Linf", "L2", "L1", "L0")


def norm_named(text: object, known: Collection[str] = NORMS) -> str:
    """Return the norm in ``known`` that ``text`` names, in any case, L_inf and inf included.

    Raises UnknownNameError.
    """
    word = str(text).lower().replace("_", "").replace("-", "")
    for name in known:
        if word in (name.lower(), name.lower().removeprefix("l")):
            return name
    raise UnknownNameError(f"there is no norm {text!r}", did_you_mean(str(text), known))
