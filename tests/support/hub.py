"""A Hugging Face hub on the loopback interface, with only what downloads need."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextlib.contextmanager
def serving(repository: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder as `repository`; yields the hub's address and the files that were asked for so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = self.path.partition("?")[0]
            if place in (f"/api/models/{repository}", f"/api/models/{repository}/revision/main"):
                return self.answer(json.dumps({"id": repository, "sha": COMMIT, "siblings": []}).encode())
            if place == f"/api/models/{repository}/tree/{COMMIT}":
                files = [
                    {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                    for file in sorted(folder.iterdir())
                ]
                return self.answer(json.dumps(files).encode())
            before = f"/{repository}/resolve/{COMMIT}/"
            if place.startswith(before) and (folder / place.removeprefix(before)).is_file():
                asked.append(place.removeprefix(before))
                return self.answer((folder / asked[-1]).read_bytes())
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
