"""Run the real `functions/*/app.py` like AWS Lambda, with time limits and retries."""

import importlib.util
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.support.template import ROOT, TEMPLATE

RETRY_WAITS_S = (60.0, 120.0)  # AWS Lambda developer guide, "Error handling for asynchronous invocation"


def _load(folder: str) -> ModuleType:
    """Load a function's module, not yet connected to AWS."""
    path = ROOT / folder / "app.py"
    spec = importlib.util.spec_from_file_location(f"tests.simulation.loaded.{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch("asrcore.aws.connect", lambda: None):
        spec.loader.exec_module(module)
    return module


_RESOURCES = {
    name: resource["Properties"]
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}
TIMEOUT_S = {name: float(properties["Timeout"]) for name, properties in _RESOURCES.items()}
MAX_RETRIES = {
    name: properties["EventInvokeConfig"]["MaximumRetryAttempts"]
    for name, properties in _RESOURCES.items()
    if "EventInvokeConfig" in properties
}
SWEEP_EVERY_S = 60.0 * int(
    _RESOURCES["SweepFunction"]["Events"]["Sweep"]["Properties"]["Schedule"].removeprefix("rate(").split()[0]
)
_MODULES = {name: _load(properties["CodeUri"]) for name, properties in _RESOURCES.items()}


def call(function: str, event: dict[str, Any], request_id: str, services: Any) -> Any:
    """Return the function's result. Raises what it raises."""
    module = _MODULES[function]
    module.SERVICES = services  # type: ignore[attr-defined]
    if function == "ApiFunction":
        module.API._services = services
    context = SimpleNamespace(
        function_name=function,
        memory_limit_in_mb=1024,
        invoked_function_arn=f"arn:{function}",
        aws_request_id=request_id,
        get_remaining_time_in_millis=lambda: 600_000,
    )
    return module.lambda_handler(event, context)
