"""A prediction service queried over HTTP, with rate limit, budget and cache."""

import json
import logging
import os
import threading
import time
import urllib.error
import urllib.request
from email.message import Message
from hashlib import blake2b
from http.client import HTTPException
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advkit.errors import InputError, ResourceError
from advkit.models.endpoint_spec import Endpoint
from advkit.models.http_images import encoded, in_8_bits

LOG = logging.getLogger("advkit")
PASSING = (429, 500, 502, 503, 504)
"""Status codes after which a request is repeated."""
LONGEST_ANSWER = 64_000_000
LONGEST_REFUSAL = 300
SAME = 1e-4
"""Largest accepted difference between two responses to one image, relative to the largest number.
"""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Prevents redirects: secrets in headers are sent to the given host only."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""


class Service:
    """Images (n, ...) to scores; ``sent`` counts the images sent.

    The maximum cost is logged before the first request, unless `estimate` was called. The first
    repeated images are sent once more: if the response differs, caching is disabled.
    """

    def __init__(self, asked: Endpoint) -> None:
        self.asked, self.sent, self._told = asked, 0, False
        self._known: dict[bytes, Any] = {}
        self._keeps, self._tried, self._seconds = True, False, 0.0
        self._lock, self._next = threading.Lock(), 0.0
        self._open = urllib.request.build_opener(_NoRedirect).open
        self._headers = {"Content-Type": "application/json", **asked.headers, **_secrets(asked)}

    def __call__(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """Return the scores of ``x``; raises ResourceError at the end of the budget."""
        with self._lock:
            seen = x if self.asked.encoding == "float" else in_8_bits(x)
            names = [blake2b(image.tobytes(), digest_size=16).digest() for image in seen]
            new = {name: i for i, name in enumerate(names)}
            if self._keeps and not new.keys() - self._known.keys():
                self._try_again(x, new)
            if self._keeps:
                new = {name: i for name, i in new.items() if name not in self._known}
            self._learn_all(x, new)
            found = np.array([self._known[name] for name in names])
            if not self._keeps:
                self._known.clear()
            return found

    def pace(self) -> float:
        """Return the mean seconds per image so far, rate limit included."""
        return self._seconds / max(self.sent, 1)

    def _try_again(self, x: NDArray[np.float32], known: dict[bytes, int]) -> None:
        """Send images from the cache once more, the first time that there are any."""
        few = dict(list(known.items())[: self.asked.batch])
        if self._tried or not few or self.sent + len(few) > self.asked.budget:
            return
        self._tried, before = True, np.array([self._known[name] for name in few])
        self._learn_all(x, few)
        apart = np.abs(np.array([self._known[name] for name in few]) - before).max()
        self._keeps = bool(apart <= SAME * np.abs(before).max())
        if not self._keeps:
            LOG.warning(
                f"{self.asked.url} answers otherwise when asked again: no answer is kept, and it "
                "is asked every time"
            )

    def _learn_all(self, x: NDArray[np.float32], wanted: dict[bytes, int]) -> None:
        names = list(wanted)
        for start in range(0, len(names), self.asked.batch):
            part = names[start : start + self.asked.batch]
            self._learn(x[[wanted[name] for name in part]], part)

    def estimate(self, images: int, together: int = 0) -> str:
        """Return the cost of up to ``images``: requests, time at the rate, price, and the budget.

        At most ``together`` images are queried at once.
        """
        self._told = True
        images = min(images, self.asked.budget)
        requests = -(-images // min(self.asked.batch, together or self.asked.batch))
        price = f", a price of {images / 1000 * self.asked.price:,.2f}" if self.asked.price else ""
        return (
            f"{self.asked.url}: at most {images:,} images in {requests:,} requests or more, "
            f"{requests / self.asked.rate / 60:,.1f} minutes or more at {self.asked.rate:g} "
            f"requests per second{price}; the budget is {self.asked.budget:,} images"
        )

    def _learn(self, part: NDArray[np.float32], names: list[bytes]) -> None:
        if self.sent + len(part) > self.asked.budget:
            raise ResourceError(
                f"the query budget of {self.asked.url} is spent: {self.sent:,} of "
                f"{self.asked.budget:,} images were sent",
                "raise budget, or lower --limit, the queries of the attack, or the number of eps",
            )
        if not self._told:
            LOG.warning(self.estimate(self.asked.budget))
        self.sent += len(part)
        began = time.monotonic()
        answers = self._answers(part)
        self._seconds += max(time.monotonic() - began, 1 / self.asked.rate)
        self._known |= dict(zip(names, answers, strict=True))

    def _answers(self, part: NDArray[np.float32]) -> list[Any]:
        body = json.dumps({self.asked.input_key: encoded(part, self.asked)}).encode()
        found = self._asked_again(body)
        for key in self.asked.output_key.split("."):
            if not isinstance(found, dict) or key not in found:
                held = ", ".join(map(str, found)) if isinstance(found, dict) else "no keys"
                raise InputError(
                    f"the answer of {self.asked.url} has no {self.asked.output_key!r}, it has "
                    f"{held[:200]}",
                    "say output_key=...; a path with dots",
                )
            found = found[key]
        if not isinstance(found, list) or len(found) != len(part):
            told = f"{len(found)} rows" if isinstance(found, list) else f"a {type(found).__name__}"
            raise InputError(f"{self.asked.url} answers {told} for {len(part)} images")
        try:
            rows = np.array(found)
        except ValueError as error:
            raise InputError(f"{self.asked.url} answers rows of different lengths") from error
        if rows.dtype.kind not in "fiu":
            raise InputError(f"{self.asked.url} returned something other than numbers")
        return list(rows)

    def _asked_again(self, body: bytes) -> Any:
        """Return the parsed response; temporary errors are retried with growing delays."""
        for attempt in range(self.asked.retries + 1):
            self._wait()
            try:
                return self._request(body)
            except urllib.error.HTTPError as error:
                told, passing = _refusal(error), error.code in PASSING
                pause = _pause(error.headers)
            except (OSError, HTTPException) as error:
                told, passing, pause = str(getattr(error, "reason", "") or error), True, 0.0
                told = told or type(error).__name__
            except ValueError as error:
                raise InputError(f"{self.asked.url} returned no valid JSON: {error}") from error
            if not passing or attempt == self.asked.retries:
                times = f" (asked {attempt + 1} times)" if attempt else ""
                raise InputError(
                    f"{self.asked.url} does not answer: {told}{times}",
                    "is the service running, and are url and headers right?",
                )
            time.sleep(max(pause, min(0.1 * 2**attempt, 30.0)))
        raise AssertionError

    def _request(self, body: bytes) -> Any:
        request = urllib.request.Request(  # noqa: S310
            self.asked.url, body, self._headers, method="POST"
        )  # the scheme was checked
        with self._open(request, timeout=self.asked.timeout) as answer:
            data = answer.read(LONGEST_ANSWER + 1)
        if len(data) > LONGEST_ANSWER:
            raise InputError(f"{self.asked.url} answers more than {LONGEST_ANSWER:,} bytes")
        return json.loads(data)

    def _wait(self) -> None:
        now = time.monotonic()
        time.sleep(max(self._next - now, 0.0))
        self._next = max(self._next, now) + 1 / self.asked.rate


def _secrets(asked: Endpoint) -> dict[str, str]:
    missing = [name for name in asked.secret_headers.values() if name not in os.environ]
    if missing:
        raise InputError(f"{asked.url} needs {', '.join(missing)} in the environment")
    return {header: os.environ[name] for header, name in asked.secret_headers.items()}


def _refusal(error: urllib.error.HTTPError) -> str:
    """Return the status of an error response, its redirect target, and its message."""
    told = f"HTTP {error.code} {error.reason}"
    if where := error.headers.get("Location"):
        return f"{told} to {where}, which is not followed"
    try:
        said = " ".join(error.read(LONGEST_REFUSAL).decode(errors="replace").split())
    except (OSError, HTTPException):
        said = ""
    return f"{told}, {said!r}" if said else told


def _pause(headers: Message) -> float:
    """Return the delay in seconds that the service requests."""
    try:
        return min(float(headers.get("Retry-After", 0)), 60.0)
    except ValueError:
        return 0.0
