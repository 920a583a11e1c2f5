"""A provider of chat completions that notes what it is asked, and says what it is given to say."""

import json
from typing import Any

from tests.scripted import Link, Received
from tests.test_client_leaves import STREAM_HEAD

Body = dict[str, Any]

COMPLETION: Body = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 7,
    "model": "m-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def in_one_piece(status: int, body: object, *fields: str) -> bytes:
    """Return an answer in one piece, as it stands on the wire."""
    data = json.dumps(body).encode()
    head = [
        f"HTTP/1.1 {status} X",
        "content-type: application/json",
        f"content-length: {len(data)}",
        *fields,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


class Told:
    """Each answer is a body (told with 200), whole bytes, or the events of a stream."""

    def __init__(self, *answers: Body | bytes | list[bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[Received] = []

    async def __call__(self, link: Link) -> None:
        while True:
            self.asked.append(await link.request())
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, list):
                await link.send(STREAM_HEAD)
                await link.chunk(*answer)
            else:
                whole = answer if isinstance(answer, bytes) else in_one_piece(200, answer)
                await link.send(whole)

    @property
    def bodies(self) -> list[Body]:
        """What was asked for, decoded."""
        return [json.loads(each.body) for each in self.asked]

    def shown(self, name: bytes) -> list[bytes]:
        """Return the values of a header field, of all requests."""
        return [value for each in self.asked for value in each.values(name)]
