"""Options for loading a model; they become part of its spec, and so of the record."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from advkit.errors import UsageError
from advkit.spec_text import with_query

Command = Callable[..., Any]


def model_option(text: str, *, of_pixels: bool = True) -> Callable[[Command], Command]:
    """Add --model, --model-arg, --preprocess (``of_pixels``) and --allow-unsafe-load.

    The command gets ``model`` only: the complete spec. ``text`` is the help of --model.
    """
    options = [click.option("--model", help=text), ARGS, PREPROCESS, ALLOW_UNSAFE]

    def decorated(command: Command) -> Command:
        @wraps(command)
        def with_spec(*args: Any, model: str | None, model_arg: tuple[str, ...],
                      preprocess: str | None = None, **others: Any) -> Any:  # fmt: skip
            return command(*args, model=spec_with(model, model_arg, preprocess), **others)

        for option in reversed(options):
            if of_pixels or option is not PREPROCESS:
                with_spec = option(with_spec)
        return with_spec

    return decorated


def spec_with(model: str | None, args: tuple[str, ...], preprocess: str | None) -> str | None:
    """Return the spec ``model`` with the ``args`` and ``preprocess`` in its query.

    Raises UsageError if there is no model.
    """
    given = {} if preprocess is None else {"preprocess": preprocess}
    for arg in args:
        key, equals, value = arg.partition("=")
        if not key or not equals:
            raise UsageError(
                f"--model-arg {arg} is not key=value", "--model-arg depth=18", code="E206"
            )
        given[key] = value
    if given and model is None:
        raise UsageError("--model-arg and --preprocess need a --model", "say which", code="E206")
    return None if model is None else with_query(model, given)


def _allow(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        from advkit.models.load_policy import unsafe_loads_allowed

        context.with_resource(unsafe_loads_allowed())


ARGS = click.option(
    "--model-arg",
    multiple=True,
    metavar="KEY=VALUE",
    help="An argument of the callable, or an option of the model spec; repeatable.",
)
PREPROCESS = click.option(
    "--preprocess",
    metavar="NAME",
    help="Preprocessing of inputs in [0, 1] for the net: none, imagenet, cifar10, FILE.toml.  "
    "[default: auto, what the model specifies]",
)
ALLOW_UNSAFE = click.option(
    "--allow-unsafe-load",
    is_flag=True,
    expose_value=False,
    callback=_allow,
    # Not from the environment or a configuration file.
    allow_from_autoenv=False,
    help="Load files that can run code (pickles, TorchScript) in this run.",
)
