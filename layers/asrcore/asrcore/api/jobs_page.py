"""GET /: the page on which people upload recordings and watch jobs.

It is the same for every caller: its script gets what it shows from the API, with the rights of the caller.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from asrcore.messages import LOCALES
from asrcore.ports import StoredObject
from asrcore.render.pages import as_data, load
from asrcore.services import Services

_PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True)
class JobsPage:
    """The page, and the headers that isolate it."""

    text: str
    headers: dict[str, str]


def jobs_page(services: Services) -> JobsPage:
    """Return the page.

    Its policy allows requests to this API and to both buckets: the API redirects to the transcript bucket for what is
    too large for its response. Recordings are played from the audio bucket, or from a file that the reader chooses.
    """
    page = load(_PAGE / "jobs", "viewer")
    audio = _origin(services.recordings.presign_upload("-", "audio/-", {}, 1).url)
    transcripts = _origin(services.transcripts.presign(StoredObject("-", None, 0), "-"))
    policy = {
        "default-src": "'none'",
        "script-src": page.script_hash,
        "style-src": page.style_hash,
        "connect-src": f"'self' {audio} {transcripts}",
        "img-src": "data:",
        "media-src": f"blob: {audio}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return JobsPage(
        page.fill({"vendors": as_data(_languages(services)), "samples": as_data(_samples())}),
        headers,
    )


def _languages(services: Services) -> dict[str, list[str]]:
    """Return the languages of each vendor that this stack uses, by its name."""
    return {
        name: sorted(vendor.limits.languages)
        for name, vendor in services.vendors.items()
        if name not in services.settings.off
    }


def _samples() -> dict[str, str]:
    """Return a short recording in each language, in base64."""
    return {
        language: base64.b64encode((_PAGE / f"sample.{language}.ogg").read_bytes()).decode() for language in LOCALES
    }


def _origin(url: str) -> str:
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc}"
