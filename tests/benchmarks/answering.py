"""A provider in a few lines, for peers that are started for real: `python answering.py PORT KIND`.

KIND is `good`, `wrong` (another status), `cut` (streams without their end) or `short` (an event is
missing).
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND = sys.argv[2]
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n'
WHOLE = b'{"choices": [{"index": 0, "message": {"content": "x"}}]}'


class Answers(BaseHTTPRequestHandler):
    """Answers each request as the kind says."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = WHOLE
        if asked["stream"]:
            body = EVENT * (4 if KIND == "short" else 5)
            body += b"" if KIND == "cut" else b"data: [DONE]\n\n"
        self.send_response(503 if KIND == "wrong" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
