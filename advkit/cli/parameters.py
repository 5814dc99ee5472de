"""Parameter types that click does not have."""

import click

from advkit.errors import UnknownNameError, UsageError
from advkit.norm_names import NORMS, norm_named
from advkit.numbers import number, radius


def union(
    _ctx: click.Context, _param: click.Parameter, lists: tuple[tuple[float, ...], ...]
) -> tuple[float, ...] | None:
    """Return the radii of all ``lists`` in ascending order, each once; None if there are none."""
    return tuple(sorted({each for some in lists for each in some})) or None


def joined(_ctx: click.Context, _param: click.Parameter, lists: tuple[str, ...]) -> str:
    """Return one comma-separated list of names from several; each name once."""
    names = [name.strip() for some in lists for name in some.split(",")]
    return ",".join(dict.fromkeys(filter(None, names)))


def each(_ctx: click.Context, _param: click.Parameter, lists: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of all comma-separated ``lists``; each name once."""
    return tuple(filter(None, joined(_ctx, _param, lists).split(",")))


class Names(click.Choice):  # type: ignore[type-arg]  # generic from 8.2 on only
    """Comma-separated names of a fixed list, for `each`."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return them; raises BadParameter for the first unknown name."""
        parts = [part.strip() for part in str(value).split(",")]
        return ",".join(super(Names, self).convert(part, param, ctx) for part in parts)


class Norm(click.Choice):  # type: ignore[type-arg]  # generic from 8.2 on only
    """A norm, in any case."""

    def __init__(self, *known: str) -> None:
        super().__init__(known or NORMS)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return its name; raises BadParameter for an unknown norm."""
        try:
            return norm_named(value, self.choices)
        except UnknownNameError:
            return super().convert(value, param, ctx)  # type: ignore[no-any-return]


class NameList(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """Comma-separated names; those from environment variables may contain spaces."""

    name = "text"
    envvar_list_splitter = ","


class EpsList(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """One or several comma-separated radii, as decimals, fractions or decibels: 2/255,0.03."""

    name = "eps"
    envvar_list_splitter = ","

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the radii in ascending order, each once."""
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
        """Return the number; raises BadParameter for other text."""
        if isinstance(value, float):
            return value
        try:
            return number(str(value))
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)


class Band(click.ParamType):  # type: ignore[type-arg]  # generic from 8.4 on only
    """A frequency band in Hz, such as 300-3400."""

    name = "low-high"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Return its two ends; raises BadParameter for other text."""
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
        """Return the radius, or None; raises BadParameter for other text."""
        if str(value).lower() == "none":
            return None
        if "," in str(value):
            self.fail(f"{value!r} is not one radius: run it once for each", param, ctx)
        try:
            return value if isinstance(value, float) else radius(str(value))
        except UsageError as error:
            self.fail(f"{error}; {error.hint}", param, ctx)
