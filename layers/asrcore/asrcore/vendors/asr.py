"""Everything of the core that a vendor module is built from, under one short name.

Vendor modules write `from asrcore.vendors import asr` and then `asr.Vendor`, `asr.Limits`, `asr.Recognition`.
"""

from asrcore.core.charset import UnknownCharsetError, declared_charset, decode
from asrcore.core.documents import read_json
from asrcore.core.errors import AsrError, AudioConstraint
from asrcore.core.options import Options
from asrcore.core.parameters import Address, Choice, JsonObject, OneOf, Parameter, Switch, Text, Value, Whole, a_name
from asrcore.core.transcript import MOST_UTTERANCES, Recognition, Utterance, Word, join_text, recognition
from asrcore.core.tuning import Tuning
from asrcore.core.vendor import (
    BODY_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    NOT_16_BIT,
    UNDOCUMENTED,
    Accepted,
    Callback,
    Code,
    CodeKind,
    Completion,
    Delivery,
    HttpReply,
    HttpRequest,
    InProgress,
    Limits,
    RecognitionRequest,
    Submission,
    Vendor,
    VendorEndpoint,
    as_failed_query,
    attempt_uuid,
    signed_host,
    unfit_channels,
)
from asrcore.messages import Message

__all__ = [
    "BODY_TIMEOUT_S",
    "CONNECT_TIMEOUT_S",
    "MOST_UTTERANCES",
    "NOT_16_BIT",
    "UNDOCUMENTED",
    "Accepted",
    "Address",
    "AsrError",
    "AudioConstraint",
    "Callback",
    "Choice",
    "Code",
    "CodeKind",
    "Completion",
    "Delivery",
    "HttpReply",
    "HttpRequest",
    "InProgress",
    "JsonObject",
    "Limits",
    "Message",
    "OneOf",
    "Options",
    "Parameter",
    "Recognition",
    "RecognitionRequest",
    "Submission",
    "Switch",
    "Text",
    "Tuning",
    "UnknownCharsetError",
    "Utterance",
    "Value",
    "Vendor",
    "VendorEndpoint",
    "Whole",
    "Word",
    "a_name",
    "as_failed_query",
    "attempt_uuid",
    "declared_charset",
    "decode",
    "join_text",
    "read_json",
    "recognition",
    "signed_host",
    "unfit_channels",
]
