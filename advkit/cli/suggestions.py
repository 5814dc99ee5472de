"""Mistyped arguments: suggest the command that would work."""

import re
import shlex
import sys
from difflib import get_close_matches

import click

from advkit.cli.completion_table import words_of

MODEL = re.compile(
    r"[^?]+\.(py(:\w+)?|pth?|safetensors|onnx|skops)|(bundled|torchvision|timm|hf|predict):.+"
)


PICTURED = {
    "dream": ("--picture", "--guide"), "fool": ("--picture",), "style": ("--content", "--style"),
    "invert": ("--picture",) * 9,
}  # fmt: skip
"""The options for image files of each command, in the order in which files are assigned."""


def hint_for(error: click.ClickException) -> str:
    """Return the command or option that was probably meant; '' if none is likely."""
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is None:
        return ""
    if isinstance(error, click.NoSuchOption):
        return _of_option(context, error.option_name)
    if isinstance(error, click.MissingParameter):
        usual = "advkit attack pgd --eps 8/255; all of them: advkit ls attacks"
        return usual if context.info_name == "attack" and param and param.name == "name" else ""
    extra = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", error.message)
    if extra:
        return _of_extra(context, extra[1].split())
    several = re.match(r"'([^']*,[^']*)'", error.message)
    if several and isinstance(param, click.Option) and param.multiple:
        each = " ".join(f"{param.opts[0]} {shlex.quote(one)}" for one in several[1].split(","))
        return f"repeat the option: {each}"
    if param and isinstance(param.type, click.Choice) and error.message.startswith("'"):
        return _nearest(error.message.split("'")[1], list(map(str, param.type.choices)))
    return ""


def _nearest(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else ""


def _is_attack(word: str) -> bool:
    return word.partition(":")[0] in words_of("attacks")


def _options(context: click.Context) -> list[str]:
    return [name for param in context.command.params for name in param.opts if name[0] == "-"]


def _of_option(context: click.Context, option: str) -> str:
    command, words = context.info_name, _apart(sys.argv[1:])
    after = words[words.index(option) + 1 :] if option in words else []
    arguments = [p.name for p in context.command.params if isinstance(p, click.Argument)]
    if command == "train" and option == "--model":
        return f"what is trained is {shlex.join(['--arch', *after[:1]])}"
    own = ["attack", "attacks"] if command == "attack" else arguments
    if after and option.lstrip("-") in own:
        return f"advkit {command} {shlex.quote(after[0])}"
    attacks = [word for word in words[1:] if _is_attack(word)]
    if attacks and after and _has(attacks[0], option):
        joint = "," if ":" in attacks[0] else ":"
        given = f"{attacks[0]}{joint}{option.lstrip('-').replace('-', '_')}={after[0]}"
        return f"options of an attack follow its name: {shlex.quote(given)}"
    return _nearest(option, _options(context))


def _apart(words: list[str]) -> list[str]:
    """Return ``words`` with --key=value split into two."""
    return [part for word in words for part in word.split("=", word[:2] == "--")]


def _has(attack: str, option: str) -> bool:
    from advkit.attacks import ATTACKS
    from advkit.attacks.options import defaults

    known = defaults(ATTACKS[attack.partition(":")[0]])
    return option.lstrip("-").replace("-", "_") in known


def _of_pictures(command: str | None, files: list[str]) -> str:
    """Return the command that takes ``files``, if all are images."""
    from advkit.data.spec_guesses import IN_FOLDERS, is_picture

    if not all(map(is_picture, files)):
        return ""
    options = PICTURED.get(str(command), ())
    given = zip(options, files, strict=False)
    words = [f"{option} {shlex.quote(file)}" for option, file in given]
    return " ".join(["advkit", str(command), *words]) if options else IN_FOLDERS


def _of_extra(context: click.Context, extra: list[str]) -> str:
    command, first = context.info_name, extra[0]
    name = str(context.params.get("name"))
    if command == "explain" and re.fullmatch(r"[Ee]\d{3}", first):
        return f"advkit explain-error {first.upper()}"
    if command == "attack" and all("=" in word for word in extra):
        return f"advkit attack {shlex.quote(name + (':', ',')[':' in name] + ','.join(extra))}"
    if command == "attack" and _is_attack(first):
        if _is_attack(name):
            return "advkit audit " + " ".join(f"--attacks {shlex.quote(a)}" for a in (name, *extra))
        name, first = first, name
    pictured = _of_pictures(command, extra)
    if pictured:
        return pictured
    if command == "attack":
        command = f"attack {shlex.quote(name)}"
    if "--attacks" in _options(context) and _is_attack(first):
        return f"advkit {command} --attacks {shlex.quote(first)}"
    if "--model" in _options(context) and MODEL.fullmatch(first):
        return f"advkit {command} --model {shlex.quote(first)}"
    if "--data" not in _options(context):
        return ""
    from advkit.data.spec_guesses import data_meant

    meant = data_meant(first)
    return f"advkit {command} --data {shlex.quote(meant)}" if meant else ""
