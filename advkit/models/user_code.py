"""The user's own callables: ``package.module:callable`` and ``./file.py:callable``."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from advkit.errors import AdvkitError, InputError, did_you_mean
from advkit.models.load_gate import read_gated

_HERE = Path(__file__).parents[1]
_FOLDERS: set[Path] = set()
"""The folders whose modules were made importable in this process."""


def call_in(place: str, name: str, options: dict[str, Any]) -> Any:
    """Return the module or estimator that ``name`` in a file or module returns; see `imported`.

    Raises InputError.
    """
    with importable(place):
        return _call(place, name, options)


def found_in(place: str, name: str) -> Any:
    """Return the function ``name`` in a file or module; see `imported`. Raises InputError."""
    with importable(place):
        return _found(place, name)


def imported(place: str) -> ModuleType:
    """Return the Python file ``place`` (./file.py), executed, or the importable module.

    Raises what the code raises, and InputError for a missing file or module.
    """
    if not place.endswith(".py"):
        return importlib.import_module(place)
    read_gated(place)
    file = Path(place).resolve()
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
def importable(place: str) -> Iterator[None]:
    """Make modules next to a Python file importable within the block.

    Those of the same name next to a file used before are forgotten: Python would take them instead.
    """
    if not place.endswith(".py"):
        yield
        return
    folder = Path(place).resolve().parent
    _forget_namesakes(folder)
    _FOLDERS.add(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _forget_namesakes(folder: Path) -> None:
    """Forget modules of the user's other folders that ``folder`` has too, with their submodules."""
    others = _FOLDERS - {folder}
    if not others:
        return
    tops = {
        name for name, module in list(sys.modules.items())
        if _holds(folder, name) and _folder_of(module) in others
    }  # fmt: skip
    for name in [each for each in sys.modules if each.partition(".")[0] in tops]:
        del sys.modules[name]


def _holds(folder: Path, name: str) -> bool:
    return "." not in name and ((folder / f"{name}.py").is_file() or (folder / name).is_dir())


def _folder_of(module: ModuleType) -> Path | None:
    """Return the folder in which a module or package lies; None of one without a file."""
    places = list(getattr(module, "__path__", None) or ())  # a package, maybe without __init__.py
    place = places[0] if places else getattr(module, "__file__", None)
    return Path(place).parent if isinstance(place, str) else None


@contextmanager
def seeded_weights() -> Iterator[None]:
    """Make untrained weights reproducible; restores the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _found(place: str, name: str) -> Any:
    spec = f"{place}:{name}"
    try:
        with seeded_weights():
            module = imported(place)
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


def _call(place: str, name: str, options: dict[str, Any]) -> Any:
    found, spec = _found(place, name), f"{place}:{name}"
    if isinstance(found, nn.Module) or is_estimator(found):
        return found
    try:
        with seeded_weights():
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
    """Return whether ``found`` is an estimator of scikit-learn, without importing that."""
    return any(one.__module__ == "sklearn.base" for one in type(found).__mro__)


def told(error: BaseException) -> str:
    """Return ``error`` in one line: type, message, file and line of the user's own frame."""
    said = str(error)
    if "failed in the TorchScript interpreter" in said:  # with two tracebacks, and the error last
        return " ".join(said.strip().rpartition("\n")[2].split())
    text = " ".join(f"{type(error).__name__}: {said}".split())
    if isinstance(error, SyntaxError) and error.filename:
        return f"{text} ({Path(error.filename).name}:{error.lineno})"
    place = own_place(error)
    return f"{text} ({place})" if place else text


def own_place(error: BaseException) -> str:
    """Return file and line of the user's own code where ``error`` was raised; '' if in none."""
    libraries = (str(_HERE), str(Path(torch.__file__).parent), str(Path(importlib.__file__).parent))
    own = [f for f in traceback.extract_tb(error.__traceback__)
           if not f.filename.startswith(libraries) and f.filename[0] != "<"]  # fmt: skip
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
