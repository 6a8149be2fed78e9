"""A webhook's receiver: a web server on loopback that keeps posts and responds as configured."""

from collections.abc import Callable
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response

from tests.support.loopback import Loopback


@dataclass(frozen=True)
class Post:
    """A post, with header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver(Loopback):
    """Respond to each post with the status that `answer` returns for it."""

    answer: Callable[[Post], int] = lambda _post: 200
    posts: list[Post] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.at("/told?by=asrcore")

    def answer_to(self, request: Request) -> Response:
        """Send the test's status; a redirect has another address."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        post = Post(request.full_path, headers, request.get_data())
        self.posts.append(post)
        status = self.answer(post)
        return Response(status=status, headers={"location": "/elsewhere"} if 300 <= status < 400 else {})
