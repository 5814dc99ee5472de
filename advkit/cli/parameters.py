"""Kinds of command-line values that click does not have."""

import click

from advkit.errors import UsageError
from advkit.numbers import number


class EpsList(click.ParamType[tuple[float, ...]]):
    """One radius or several with commas between, as decimals or fractions: 2/255,0.03."""

    name = "eps"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the radii in rising order, each once."""
        if isinstance(value, tuple):
            return value
        try:
            found = [number(text) for text in str(value).split(",")]
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
        for eps in found:
            if eps < 0:
                self.fail(f"{eps:g} is negative; a radius is 0 or more", param, ctx)
        return tuple(sorted(set(found)))


def check_eps(eps: tuple[float, ...], norm: str) -> None:
    """Raise UsageError for an Linf radius that only makes sense in 255ths."""
    for value in eps:
        if norm == "Linf" and value >= 1:
            raise UsageError(
                f"--eps {value:g} is the whole range of a pixel or more: images are in [0, 1]",
                f"did you mean {value:g}/255?",
            )
