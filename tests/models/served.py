"""A prediction service on this machine, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from advkit.models import Classifier, load_model


class Served:
    """A local service; it first responds with the codes in ``status``, one per request."""

    def __init__(self) -> None:
        self.model: Classifier = load_model("bundled:fashion-mnist-cnn-robust")
        self.images, self.requests, self.status = 0, 0, list[int]()
        self.url, self.answer = "", None
        self.read: Callable[[Any], torch.Tensor] = torch.tensor
        """Conversion of the received inputs to images (n, c, h, w) in [0, 1]."""


@contextmanager
def serving() -> Iterator[Served]:
    """Serve a bundled net on a free port within the block."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            served.requests += 1
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code = served.status.pop(0) if served.status else 200
            x = served.read(asked["inputs"])
            served.images += len(x) if code == 200 else 0
            said = served.answer or {"outputs": served.model(x).tolist()}
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/predict"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
