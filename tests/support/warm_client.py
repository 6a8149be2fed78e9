"""Run a command in a process of `WarmPrograms`: a file of its own, because each command starts and compiles it anew."""

import json
import os
import socket
import struct
import sys

LENGTH = struct.Struct(">I")  # of the message that follows


def read(connection: socket.socket, length: int) -> bytes:
    """Receive exactly so many bytes. Raises EOFError when the other side is gone."""
    received = b""
    while len(received) < length:
        if not (chunk := connection.recv(length - len(received))):
            raise EOFError("the other side closed the connection")
        received += chunk
    return received


def ask(address: str, arguments: list[str]) -> int:
    """Have the server run a command with this process's files; its exit status."""
    wanted = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - no pathlib
    message = json.dumps(wanted).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [LENGTH.pack(len(message))], [0, 1, 2])
        connection.sendall(message)
        return read(connection, 1)[0]


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
