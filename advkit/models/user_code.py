"""The user's own callables: ``package.module:callable`` and ``./file.py:callable``."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from advkit.errors import AdvkitError, InputError, did_you_mean
from advkit.models.load_gate import read_gated

_HERE = Path(__file__).parents[1]


def call_from_file(path: str, name: str, options: dict[str, Any]) -> Any:
    """Return the module or estimator that ``name`` in the Python file ``path`` gives.

    Raises InputError.
    """
    read_gated(path)
    file = Path(path).resolve()
    with _importable(file.parent):
        return _call(lambda: _execute(file), f"{path}:{name}", name, options)


def call_from_module(module: str, name: str, options: dict[str, Any]) -> Any:
    """Return the module or estimator that ``name`` in the importable ``module`` gives.

    Raises InputError.
    """
    return _call(lambda: importlib.import_module(module), f"{module}:{name}", name, options)


def found_in_file(path: str, name: str) -> Any:
    """Return the function ``name`` in the Python file ``path``; raises InputError."""
    read_gated(path)
    file = Path(path).resolve()
    with _importable(file.parent):
        return _found(lambda: _execute(file), f"{path}:{name}", name)


def found_in_module(module: str, name: str) -> Any:
    """Return the function ``name`` in the importable ``module``; raises InputError."""
    return _found(lambda: importlib.import_module(module), f"{module}:{name}", name)


def _execute(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"advkit_user_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise InputError(
            f"{file.name} is not a Python file", "its name must end in .py", code="E304"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _seeded() -> Iterator[None]:
    """Make untrained weights the same in every run, and disturb nobody's random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _found(load: Callable[[], ModuleType], spec: str, name: str) -> Any:
    try:
        with _seeded():
            module = load()
    except AdvkitError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{spec} cannot be imported: {told(error)}", code="E304") from error
    public = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
    if not hasattr(module, name):
        raise InputError(
            f"{spec}: there is no {name!r} in it", did_you_mean(name, public), code="E304"
        )
    found = getattr(module, name)
    if not callable(found) and not is_estimator(found):
        raise InputError(
            f"{spec} is a {type(found).__name__}, not a callable",
            did_you_mean(name, public),
            code="E304",
        )
    return found


def _call(load: Callable[[], ModuleType], spec: str, name: str, options: dict[str, Any]) -> Any:
    found = _found(load, spec, name)
    if isinstance(found, nn.Module) or is_estimator(found):
        return found
    try:
        with _seeded():
            net = found(**options)
    except AdvkitError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{spec} raised {told(error)}", code="E304") from error
    if not (isinstance(net, nn.Module) or is_estimator(net)):
        raise InputError(
            f"{spec} returned a {type(net).__name__}, not a torch.nn.Module",
            "give a callable that returns the module; options follow as ?key=value",
            code="E304",
        )
    return net


def is_estimator(found: object) -> bool:
    """Tell whether ``found`` is a (fitted) estimator of scikit-learn, without importing that."""
    return any(one.__module__ == "sklearn.base" for one in type(found).__mro__)


def told(error: BaseException) -> str:
    """Return ``error`` in one line: type, message, file and line of the user's own frame."""
    frames = traceback.extract_tb(error.__traceback__)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError) and error.filename:
        return f"{text} ({Path(error.filename).name}:{error.lineno})"
    libraries = (str(_HERE), str(Path(torch.__file__).parent), str(Path(importlib.__file__).parent))
    own = [f for f in frames if not f.filename.startswith(libraries) and f.filename[0] != "<"]
    return f"{text} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else text
