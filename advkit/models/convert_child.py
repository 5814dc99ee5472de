"""The child of `advkit convert`: enters the sandbox, unpickles its input, prints tensors.

Input by stdin, output by stdout, no files. Run as ``python -m`` by `conversion`.
"""

import io
import os
import sys
from contextlib import suppress
from typing import Any

OK, NO_SANDBOX, FAILED = 0, 3, 4


def main() -> None:
    """Read a file from stdin, and write its safe form to stdout, in the sandbox."""
    from advkit.models import code_file, torch_file, weights_file  # noqa: F401
    from advkit.models.sandbox import NoSandboxError, shut

    kind, name = sys.argv[1], sys.argv[2]
    data = sys.stdin.buffer.read()
    # Output that the file prints must not count as the result.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if kind == "pickle":  # imports of skops read /proc, which is closed in the sandbox
        with suppress(ImportError):
            import skops.io  # noqa: F401
    if kind == "pt2":  # makes a directory for a cache
        import torch._dynamo  # noqa: F401
    try:
        shut()
    except NoSandboxError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NO_SANDBOX)
    try:
        out.write(converted(data, kind, name))
        out.close()
    except BaseException as error:  # unpickled code may raise SystemExit(0)
        sys.stderr.write((" ".join(str(error).split()) or type(error).__name__) + "\n")
        sys.exit(FAILED)


def converted(data: bytes, kind: str, name: str) -> bytes:
    """Return the content of ``data`` as safetensors, or as skops if it is an estimator."""
    from safetensors.torch import save

    from advkit.models.code_file import load_code
    from advkit.models.torch_file import unwrapped
    from advkit.models.user_code import is_estimator

    found: Any = load_code(data, kind, name)
    if is_estimator(found):
        import skops.io

        return skops.io.dumps(found)  # type: ignore[no-any-return]
    tensors, notes = unwrapped(found, name)
    stream = io.BytesIO()
    plain = {key: tensor.detach().cpu().clone().contiguous() for key, tensor in tensors.items()}
    stream.write(save(plain, {"notes": "; ".join(notes)} if notes else None))
    return stream.getvalue()


if __name__ == "__main__":
    main()
