"""Messages with any text, for tests to which the text does not matter."""

from asrcore.messages import Message


def texts(messages):
    """Return the English text of each message, or of each stored message."""
    return [str(getattr(each, "message", each)) for each in messages]


def reason(text):
    """Return a message whose text is `text` in every language."""
    return Message("allowed.words", {"words": text})
