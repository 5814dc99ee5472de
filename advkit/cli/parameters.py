"""Kinds of command-line values that click does not have."""

import click

from advkit.errors import UsageError
from advkit.numbers import number, radius


class EpsList(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """One radius or several with commas between, as decimals, fractions or decibels: 2/255,0.03."""

    name = "eps"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the radii in rising order, each once."""
        if isinstance(value, tuple):
            return value
        try:
            found = [radius(text) for text in str(value).split(",")]
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
        return tuple(sorted(set(found)))


class Number(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """A decimal or a fraction, such as 8/255."""

    name = "number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; tell click if it is none."""
        if isinstance(value, float):
            return value
        try:
            return number(str(value))
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


class Band(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """A band of frequencies in Hz, such as 300-3400."""

    name = "low-high"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Return its two ends; tell click if it is none."""
        if isinstance(value, tuple):
            return value
        low, _, high = str(value).partition("-")
        try:
            return number(low), number(high)
        except UsageError:
            self.fail(f"{value!r} is not a band: write 300-3400", param, ctx)


class Radius(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """One radius as a decimal, a fraction or in decibels, or none."""

    name = "eps|none"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """Return the radius, or None; tell click if it is neither."""
        if str(value).lower() == "none":
            return None
        try:
            return value if isinstance(value, float) else radius(str(value))
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
