"""A provider that keeps files, uploads, batches, vector stores and jobs, as OpenAI's API does."""

import itertools
import json
import re
from typing import Any

from tests.scripted import Link, Received

KEY = "sk-shelf-0123456789abcdef"
Thing = dict[str, Any]
_NUMBERS = itertools.count()
"""No id comes twice, whoever keeps the thing."""

_PART = re.compile(rb'name="(\w+)"(?:; filename="([^"]*)")?')


class Shelf:
    """Answers any number of connections from one set of things."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.contents: dict[str, bytes] = {}
        self.asked: list[bytes] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.asked.append(request.line)
            assert request.values(b"authorization") == [b"Bearer " + KEY.encode()]
            method, target, _ = request.line.decode().split(" ")
            path, _, query = target.partition("?")
            assert path.startswith("/v1/")
            said = self._answer(method, path.removeprefix("/v1/").split("/"), query, request)
            if isinstance(said, bytes):
                await send(link, 200, said, b"application/octet-stream")
            elif said is None:
                missing = {"error": {"message": "No such thing", "type": "invalid_request_error"}}
                await send(link, 404, json.dumps(missing).encode())
            else:
                await send(link, 200, json.dumps(said).encode())

    def _answer(
        self, method: str, path: list[str], query: str, request: Received
    ) -> Thing | bytes | None:
        match method, path:
            case "POST", ["files"]:
                return self._file(*_form(request.body))
            case "GET", [("files" | "batches" | "vector_stores") as kind]:
                return self._list(kind.rstrip("s").replace("batche", "batch"), query)
            case "GET", ["fine_tuning", "jobs"]:
                return self._list("fine_tuning.job", query)
            case "GET", ["files", name, "content"]:
                return self.contents.get(name)
            case "DELETE", [_, name]:
                gone = self.things.pop(name, None)
                return gone and {"id": name, "object": gone["object"], "deleted": True}
            case "POST", ["uploads", name, "parts"]:
                _, data = _form(request.body)
                self.contents[name] = self.contents.get(name, b"") + data
                part = {"object": "upload.part", "upload_id": name, "created_at": 1}
                return part | {"id": f"part_{len(self.asked)}"}
            case "POST", ["uploads", name, "complete"]:
                upload = self.things[name]
                whole = self._file(upload, self.contents[name])
                return upload | {"status": "completed", "file": whole}
            case "POST", ["batches", name, "cancel"]:
                return self.things[name] | {"status": "cancelling"}
            case "POST", [*root] if len(root) == 1 or root == ["fine_tuning", "jobs"]:
                return self._make(root, json.loads(request.body or b"{}"))
            case "GET", [*_, name]:
                return self.things.get(name)
        return None

    def _make(self, root: list[str], wish: Thing) -> Thing:
        kinds = {"uploads": "upload", "batches": "batch", "vector_stores": "vector_store"}
        kind = kinds.get(root[0], "fine_tuning.job")
        made = {"id": f"{kind.replace('.', '_')}_{next(_NUMBERS)}", "object": kind} | wish
        if kind == "batch":
            output = self._file({"purpose": "batch_output", "filename": "out"}, b'{"line": 1}\n')
            made |= {"status": "completed", "output_file_id": output["id"]}
        self.things[made["id"]] = made
        return made

    def _file(self, wish: Thing, data: bytes) -> Thing:
        name = f"file-{next(_NUMBERS)}"
        made = {"id": name, "object": "file", "bytes": len(data), "created_at": 1}
        made |= {"purpose": wish.get("purpose"), "filename": wish.get("filename", "f")}
        self.things[name], self.contents[name] = made, data
        return made

    def _list(self, kind: str, query: str) -> Thing:
        """Tell two of a kind at once, however many are wanted."""
        ids = [name for name, thing in self.things.items() if thing["object"] == kind]
        after = re.search(r"after=([\w-]+)", query)
        begin = ids.index(after[1]) + 1 if after else 0
        page = ids[begin : begin + 2]
        more = begin + 2 < len(ids)
        data = [self.things[name] for name in page]
        last = page[-1] if page else None
        return {"object": "list", "data": data, "has_more": more, "last_id": last}


def _form(body: bytes) -> tuple[Thing, bytes]:
    """Return the fields of a form and the content of its file."""
    mark, _, _ = body.partition(b"\r\n")
    fields: Thing = {}
    content = b""
    for part in body.split(mark)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name, filename = _PART.findall(head)[0]
        if filename or name == b"data":
            content, fields["filename"] = value[:-2], filename.decode()
        else:
            fields[name.decode()] = value[:-2].decode()
    return fields, content


async def send(link: Link, status: int, body: bytes, media: bytes = b"application/json") -> None:
    """Send an answer in one piece."""
    head = b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
    await link.send(head % (status, media, len(body)) + body)
