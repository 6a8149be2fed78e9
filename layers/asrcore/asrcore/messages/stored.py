"""Messages as rows, transcripts and events keep them."""

from pydantic import BaseModel, ConfigDict

from asrcore.messages import Language, Message, Param, render, render_stored


class StoredMessage(BaseModel):
    """A message as rows, transcripts and events keep it. text: in English."""

    model_config = ConfigDict(frozen=True)

    code: str
    params: dict[str, Param] = {}
    text: str

    @classmethod
    def of(cls, message: Message) -> "StoredMessage":
        """Return the message with its English text."""
        return cls(code=message.code, params=dict(message.params), text=render(message))

    def in_language(self, language: Language) -> "StoredMessage":
        """Return the message with its text in a language; with the stored text if the catalogue has no such message."""
        return self.model_copy(update={"text": render_stored(self.code, self.params, self.text, language)})
