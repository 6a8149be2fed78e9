"""The published JSON Schemas, written from the models: `python -m tools.schemas` rewrites `schemas/`.

`schemas/released/` holds each version as it was first published and is never rewritten: the tests hold the present ones
against it, because a version (`asrcore.event.v1`) may gain fields and lose or change none.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from asrcore.api.routes import Api
from asrcore.core.job_event import JobEvent
from asrcore.core.transcript import Transcript
from asrcore.core.tuning import PARAMETER, Tuning, ceiling, own_values
from asrcore.core.vendor import Vendor
from asrcore.services import Services
from asrcore.vendors.registry import VENDORS
from asrctl import shapes
from tools import client

FOLDER = Path(__file__).parents[1] / "schemas"
API_DOCUMENT = FOLDER / "openapi.json"
COMMANDS = FOLDER / "asrctl.schema.json"
TUNING = FOLDER / "vendor-tuning.schema.json"
MODELS: Mapping[str, type[BaseModel]] = MappingProxyType({"transcript": Transcript, "event": JobEvent})


def published(model: type[BaseModel]) -> dict[str, Any]:
    """What a reader may count on. The models refuse unknown fields; a reader must not, because fields are added."""
    opened: dict[str, Any] = _opened(model.model_json_schema(by_alias=True, mode="serialization"))
    return opened


def path(name: str) -> Path:
    """Where the schema of that name is published."""
    return FOLDER / f"{name}.schema.json"


def _opened(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_opened(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    is_closed = schema.get("additionalProperties") is False
    return {name: _opened(each) for name, each in schema.items() if not (is_closed and name == "additionalProperties")}


def tuning_schema() -> dict[str, Any]:
    """Return the JSON Schema of the stack parameter VendorTuning: the fields that each vendor has, with defaults."""
    model = Tuning.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": PARAMETER,
        "description": Tuning.__doc__,
        "type": "object",
        "properties": {name: _tuning_of(vendor, model["properties"]) for name, vendor in VENDORS.items()},
        "additionalProperties": False,
    }


def _tuning_of(vendor: Vendor, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    def rules(field: str, default: int) -> dict[str, Any]:
        limit = ceiling(vendor, field)
        return {**fields[field], "default": default} | ({} if limit is None else {"maximum": limit})

    properties = {field: rules(field, default) for field, default in own_values(vendor).items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def command_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `asrctl COMMAND --json` writes: a property for each command."""
    models = [(shape, "serialization") for shape in dict.fromkeys(shapes.SHAPES.values())]
    references, definitions = models_json_schema(cast(Any, models), by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "asrctl COMMAND --json",
        "description": shapes.__doc__,
        "type": "object",
        "properties": {name: references[shape, "serialization"] for name, shape in shapes.SHAPES.items()},
        **_opened(definitions),
    }


def api_document() -> str:
    """The OpenAPI document of the HTTP API, as `GET /openapi.json` gives it, for people to read."""
    document = json.loads(Api(cast(Services, None)).document)  # no service is asked for it
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Rewrite every schema, and the client."""
    described = api_document()
    API_DOCUMENT.write_text(described, encoding="utf-8")
    documents = {
        TUNING: tuning_schema(),
        COMMANDS: command_schema(),
        **{path(name): published(model) for name, model in MODELS.items()},
    }
    for file, document in documents.items():
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    client.FILE.write_text(client.source(json.loads(described)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
