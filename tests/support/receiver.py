"""A webhook's receiver: a web server on loopback that keeps what is posted and answers as it is told."""

from collections.abc import Callable
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response

from tests.support.loopback import Loopback


@dataclass(frozen=True)
class Post:
    """What was posted, header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver(Loopback):
    """Answers each post by `answer`, which is given the post and gives a status."""

    answer: Callable[[Post], int] = lambda _post: 200
    posts: list[Post] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.at("/told?by=asrcore")

    def answer_to(self, request: Request) -> Response:
        """The status that the test gives; a redirect leads elsewhere."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        post = Post(request.full_path, headers, request.get_data())
        self.posts.append(post)
        status = self.answer(post)
        return Response(status=status, headers={"location": "/elsewhere"} if 300 <= status < 400 else {})
