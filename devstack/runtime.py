"""Simulate the Lambda Python runtime: one process, one function, one event at a time, until its socket closes.

Run as a script by functions.py with the numbers of a socket and of a pipe; when the pipe closes, the local stack's
process has ended, and this one ends with all that it started. Nothing but the standard library is
imported here, so that a function finds its own folder and its layer on the path and nothing of the local stack.
Each message is two frames, a JSON header and a payload; each frame is four bytes of length and then the bytes.
"""

import importlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LENGTH = struct.Struct(">I")

Handler = Callable[[Any, "Context"], Any]


@dataclass(frozen=True)
class Context:
    """A handler's context, with the names and types of Lambda's (the memory size is text)."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped, never below 0."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


def send(connection: socket.socket, header: dict[str, Any], payload: bytes = b"") -> None:
    """Sends one message. Raises OSError when the other side is gone."""
    head = json.dumps(header).encode()
    connection.sendall(_LENGTH.pack(len(head)) + head + _LENGTH.pack(len(payload)) + payload)


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """The next message. Raises EOFError when the other side is gone, TimeoutError when the socket's timeout passes."""
    header = _receive_frame(connection)
    return json.loads(header), _receive_frame(connection)


def _receive_frame(connection: socket.socket) -> bytes:
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))
    return _receive_exactly(connection, length)


def _receive_exactly(connection: socket.socket, length: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < length:
        chunk = connection.recv(min(length - len(chunks), 1 << 20))
        if not chunk:
            raise EOFError("the other side closed the connection")
        chunks += chunk
    return bytes(chunks)


class InitError(Exception):
    """The handler cannot be loaded; `error_type` is Lambda's name for the reason."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def load_handler(name: str) -> Handler:
    """The function called `module.function`. Raises InitError in Lambda's words; the module's own errors pass."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise InitError("Runtime.UserCodeSyntaxError", message) from error
    handler: Handler | None = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitError("Runtime.HandlerNotFound", message)
    return handler


def describe_error(error: BaseException, request_id: str) -> dict[str, Any]:
    """An exception as Lambda reports it, and a copy on the log as Lambda writes it."""
    is_runtimes_own = isinstance(error, InitError)
    frames = [] if is_runtimes_own else traceback.extract_tb(error.__traceback__)
    trace = traceback.format_list([frame for frame in frames if frame.filename != __file__])
    error_type = error.error_type if isinstance(error, InitError) else type(error).__name__
    print(f"[ERROR] {error_type}: {error}\nTraceback (most recent call last):\n{''.join(trace)}", end="")
    return {"errorMessage": str(error), "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def invoke(handler: Handler, header: dict[str, Any], event: bytes) -> tuple[dict[str, Any], bytes]:
    """The answer to one event: a header that says whether it is an error, and the JSON."""
    context = Context(
        aws_request_id=header["request_id"],
        invoked_function_arn=header["function_arn"],
        deadline_ms=header["deadline_ms"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
    )
    try:
        result = handler(json.loads(event), context)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever a handler raises becomes its answer
        return {"is_error": True}, json.dumps(describe_error(error, context.aws_request_id)).encode()
    try:
        return {"is_error": False}, json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        unfit = InitError("Runtime.MarshalError", f"Unable to marshal response: {error}")
        return {"is_error": True}, json.dumps(describe_error(unfit, context.aws_request_id)).encode()


def end_with(pipe: int) -> None:
    """End this process, and what it started, when the pipe's other end is closed."""
    os.read(pipe, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Loads the handler, says so, then answers events until the socket closes."""
    connection = socket.socket(fileno=int(sys.argv.pop(1)))
    threading.Thread(target=end_with, args=(int(sys.argv.pop(1)),), name="lifeline", daemon=True).start()
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - the boundary: whatever loading raises becomes the answer
        send(connection, {"is_ready": False}, json.dumps(describe_error(error, "")).encode())
        return
    send(connection, {"is_ready": True})
    while True:
        try:
            header, event = receive(connection)
        except EOFError:
            return
        send(connection, *invoke(handler, header, event))


if __name__ == "__main__":
    main()
