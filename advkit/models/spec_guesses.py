"""Guess the model spec that was meant by the bare name of a file, a module or a net."""

import ast
import shlex
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

from advkit.errors import UnknownNameError
from advkit.spec_text import Spec


def check_bare(spec: Spec, bundled: Collection[str]) -> None:
    """Raise UnknownNameError for a name that is no model file, if its meaning can be guessed.

    Also for a Python file, which does not say which net in it is meant.
    """
    if spec.scheme or (Path(spec.ref).exists() and not spec.ref.endswith(".py")):
        return
    meant = _model_meant(spec.ref, bundled)
    if meant:
        what = "Python, and does not say which net in it" if spec.ref[-3:] == ".py" else "no file"
        raise UnknownNameError(f"{spec.ref} is {what}", did_mean(meant))


def did_mean(spec: str) -> str:
    """Return the hint that suggests ``spec``, quoted for a shell."""
    return f"did you mean {shlex.quote(spec)}?"


def callables_in(file: str) -> list[str]:
    """Return the names in a Python file that can be called without arguments, likeliest first.

    Nothing is executed.
    """
    try:
        body = ast.parse(Path(file).read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return []
    functions = [each.name for each in body
                 if isinstance(each, ast.FunctionDef) and not _needed(each.args)]  # fmt: skip
    classes = [each.name for each in body if isinstance(each, ast.ClassDef)]
    values = [name.id for each in body
              if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
              for name in each.targets if isinstance(name, ast.Name)]  # fmt: skip
    return [name for name in (*functions, *classes, *values) if name[0] != "_"]


def _needed(arguments: ast.arguments) -> bool:
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional > len(arguments.defaults) or None in arguments.kw_defaults


def _model_meant(ref: str, bundled: Collection[str]) -> str:
    if ref.endswith(".py"):
        names = callables_in(ref)
        return f"{ref}:{names[0]}" if names else ""
    if ref.lower().replace("_", "-") in bundled:
        return f"bundled:{ref.lower().replace('_', '-')}"
    module, dot, name = ref.rpartition(".")
    if dot and all(part.isidentifier() for part in ref.split(".")):
        return f"{module}:{name}" if find_spec(module.partition(".")[0]) else ""
    return f"torchvision:{ref}?weights=DEFAULT" if _in_torchvision(ref) else ""


def _in_torchvision(name: str) -> bool:
    from torchvision.models import list_models

    return name in list_models()
