"""Messages as rows, transcripts and events keep them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from asrcore.messages import Language, Message, Param, render, render_stored

# A parameter may be a message, with parameters of its own: readers get the text, so that the schema goes no deeper.
Params = Annotated[dict[str, Param], WithJsonSchema({"type": "object", "additionalProperties": True})]


class StoredMessage(BaseModel):
    """A message as rows, transcripts and events keep it. text: in English."""

    model_config = ConfigDict(frozen=True)

    code: str
    params: Params = {}
    text: str

    @classmethod
    def of(cls, message: Message) -> "StoredMessage":
        """Return the message with its English text."""
        return cls(code=message.code, params=dict(message.params), text=render(message))

    @property
    def message(self) -> Message:
        """The message in no language."""
        return Message(self.code, self.params)

    def in_language(self, language: Language) -> "StoredMessage":
        """Return the message with its text in a language; with the stored text if the catalogue has no such message."""
        return self.model_copy(update={"text": render_stored(self.code, self.params, self.text, language)})
