# SPDX-License-Identifier: Apache-2.0
"""The part of GitHub's API that keeps comments of a pull request, as a real server of this machine.

In: requests over HTTP. Out: comments in pages, new ones, changed ones, and refusals; `asked` keeps who asked what.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token"
_LIST = re.compile(r"/repos/([\w-]+/[\w-]+)/issues/(\d+)/comments")
_ONE = re.compile(r"/repos/([\w-]+/[\w-]+)/issues/comments/(\d+)")


class Comments(ThreadingHTTPServer):
    """Comments of one pull request. refuse: status and text that every request gets, None: none is refused."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments, self.asked, self.refuse = [], [], None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, body):
        self.comments.append({"id": 1000 + len(self.comments), "body": body})
        return self.comments[-1]


class _Handler(BaseHTTPRequestHandler):
    server: Comments

    def do_GET(self):
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(self.path).query).items()}
        first = (query.get("page", 1) - 1) * query.get("per_page", 30)
        self._answer("GET", _LIST, lambda: (200, self.server.comments[first : first + query.get("per_page", 30)]))

    def do_POST(self):
        body = self._body()
        self._answer("POST", _LIST, lambda: (201, self.server.add(body["body"])))

    def do_PATCH(self):
        body = self._body()
        self._answer("PATCH", _ONE, lambda: self._changed(body))

    def _changed(self, body):
        number = int(urlsplit(self.path).path.rpartition("/")[2])
        for comment in self.server.comments:
            if comment["id"] == number:
                comment["body"] = body["body"]
                return 200, comment
        return 404, {"message": "Not Found"}

    def _body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, method, address, do):
        self.server.asked.append((method, self.path))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._send(401, {"message": "Bad credentials"})
        elif self.server.refuse:
            self._send(self.server.refuse[0], {"message": self.server.refuse[1]})
        elif not address.fullmatch(urlsplit(self.path).path):
            self._send(404, {"message": "Not Found"})
        else:
            self._send(*do())

    def _send(self, status, document):
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def comment_server() -> Iterator[Comments]:
    """Serve until the block ends."""
    with Comments() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
