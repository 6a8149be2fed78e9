"""The words that docs/glossary.md rules out, as patterns, and the search for them in a text."""

import re
from collections.abc import Iterator

# A pattern, and what to write instead. A space stands for any gap: a line break, a comment's `#`, `_`, camel case.
BANNED = {
    # Actors without a name.
    "somebody|nobody|anybody|everybody|whoever": "name the actor: caller, operator, vendor, worker, uploader, poller",
    "whom": "name the actor: caller, operator, vendor, worker, uploader, poller",
    "(tells?|says?|knows?|sees?|asks?|told|by|to|for) who(?! must act)": "name the actor",
    # Picture words for operations.
    "(is|are|was|were|be|been|being|not) told": "receives, is notified, is given",
    "tells? (of|the|them|it)": "reports, publishes, names",
    "(tell|tells|told) (\\w+ ){0,2}apart": "distinguish, separate",
    "(lies|lie|lay) (in|where|elsewhere|there|at|on)": "is stored in, is in",
    "hand(s|ed|ing)? (it |them |this |that )?over": "submit, pass, deliver",
    "look(s|ed|ing)? after": "supervise, resume, recover",
    "in (its|their) turn": "at its slot, then",
    "(goes|went) on": "continues",
    "hears?": "receives; an engine recognizes speech",
    "play(s|ed|ing)? (aws|lambda|s3|the vendor|a vendor)": "simulates; local stack",
    "turn(s|ed|ing)? away": "rejects, throttles",
    "(join(s|ed|ing)?|in|into|of) the line": "the rate limiter's queue, a slot",
    "at work": "in progress, running",
    "desks?": "fake, simulated vendor",
    "doors?": "handler, entry point",
    "(vendor|server|service|engine)s? takes?": "accepts; needs 4 s",
    "a (yes|no)": "an acknowledgement, a rejection",
    # The glossary's column "not".
    "recognis\\w*": "recognize, recognizer",
    "unattended": "stalled",
    "footprints?": "AWS usage",
    "announce(s|d|ment|ments)?": "publish an event; event_published",
    "may pass": "retryable",
    "asks? (a|the|another|one) question": "queries",
    "crowded": "throttled",
    "paced?": "rate limit, slot",
    "wish(es)?": "requested options",
    "farther|nearer": "of higher or lower precedence",
    "stand-?ins?": "fake",
    "judges?": "check, validator",
    "in vain": "without a result",
}

# Where a word is right: the file's path starts with the first, the line holds the second.
ALLOWED: dict[tuple[str, str], str] = {
    ("CHANGELOG.md", "| "): "the table of renames names the old words",
}


def compile_banned(pattern: str) -> re.Pattern[str]:
    """Match whole words only, with any gap between them."""
    return re.compile(rf"\b(?:{pattern})\b".replace(" ", r"\s+"))


PATTERNS = [(compile_banned(pattern), instead) for pattern, instead in BANNED.items()]
ANY = compile_banned("|".join(BANNED))  # one pass over a file that holds none of them
MARK = re.compile(r"(?<=[a-z])(?=[A-Z])|[_#*/]+")


def find_banned_words(path: str, text: str) -> Iterator[str]:
    """Yield `file:line: "words" -> replacement` for each banned pattern in a text, identifiers included."""
    words = MARK.sub(" ", text).lower()
    if not ANY.search(words):
        return
    lines = text.splitlines()
    for pattern, instead in PATTERNS:
        for match in pattern.finditer(words):
            number = words.count("\n", 0, match.start()) + 1
            if not any(path.startswith(where) and right in lines[number - 1] for where, right in ALLOWED):
                yield f'{path}:{number}: "{" ".join(match.group().split())}" -> {instead}'
