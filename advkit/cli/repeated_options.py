"""Errors for options repeated or given several values: click would silently take the last."""

import re
import shlex
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import click

from advkit.errors import UsageError

SPECS = {"model", "models", "surrogates", "target", "data", "train_data", "beside", "judge"}
"""Options that take a spec, which cannot contain another spec after a comma."""
COMMA = re.compile(r",(?=[A-Za-z][\w.-]*:|\.{0,2}/|[^,?&=]*\.(?:py|pth?|safetensors|onnx|skops)\b)")


def check_said_once(command: click.Command, above: click.Context, words: Sequence[str]) -> None:
    """Raise UsageError if ``words`` give two values to an option of ``command`` that takes one.

    Equal values count as one. ``above`` is the context of the command's group.
    """
    single = [param for param in command.params if isinstance(param, click.Option)
              and not (param.multiple or param.count)]  # fmt: skip
    collecting = copy(command)
    collecting.params = [_several(param) if param in single else param for param in command.params]
    about = {"parent": above, "info_name": command.name, **command.context_settings}
    context = click.Context(collecting, **about)
    given, _, _ = collecting.make_parser(context).parse_args(list(words))
    for param in command.params:
        said = given.get(param.name)  # a missing argument has a marker of click's own
        if param.name in SPECS and isinstance(said, str | list | tuple):
            _check_one_each(command, param, said)
    for option in single:
        values = list(dict.fromkeys(given.get(option.name, ())))
        if len(values) > 1:
            raise UsageError(
                f"advkit {command.name} takes one {_told(option, values)}",
                "leave one out, or run it once for each",
                code="E203",
            )


def _check_one_each(
    command: click.Command, param: click.Parameter, given: str | Sequence[str]
) -> None:
    """Raise UsageError if one of the specs ``given`` is a comma-separated list."""
    name = param.opts[0] if isinstance(param, click.Option) else param.human_readable_name
    for text in [given] if isinstance(given, str) else given:
        parts = [text] if Path(text.partition(":")[2] or text).exists() else COMMA.split(text)
        if len(parts) > 1 and param.multiple:
            each = " ".join(f"{name} {shlex.quote(part)}" for part in parts)
            raise UsageError(
                f"{name} {text} gives several values", f"repeat the option: {each}", code="E203"
            )
        if len(parts) > 1:
            raise UsageError(f"advkit {command.name} takes one {name}, not {' and '.join(parts)}",
                             "leave one out, or run it once for each", code="E203")  # fmt: skip


def with_anew(command: click.Command, words: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return ``words`` and ``more``, whose single-value options replace those in ``words``."""
    given = {word.partition("=")[0] for word in more} | {word[:2] for word in more}
    old = [option for option in command.params if isinstance(option, click.Option)
           and not option.multiple and given & {*option.opts, *option.secondary_opts}]  # fmt: skip
    return [*_without(words, old), *more]


def _without(words: Sequence[str], options: Sequence[click.Option]) -> list[str]:
    """Return ``words`` without ``options``: --jobs 4, --jobs=4, -j 4 or -j4."""
    names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    valued = {name for option in options if not option.is_flag for name in option.opts}
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in valued:
            next(rest, None)
        elif not {word, word.partition("=")[0], word[:2]} & names:
            kept.append(word)
    return kept


def _several(param: click.Parameter) -> click.Parameter:
    """Return a copy of the option that collects all values."""
    option = copy(param)
    option.multiple = True
    return option


def _told(option: click.Option, values: Sequence[object]) -> str:
    if option.is_flag:
        return f"of {option.opts[0]} and {option.secondary_opts[0]}"
    return f"{max(option.opts, key=len)}, not {' and '.join(map(str, values))}"
