"""The keys that sign callback addresses and webhooks: generated once, and moved from where older versions have them."""

import base64
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

KEY_BYTES = 32


def _webhook_key() -> str:
    """Return a key in the form of Standard Webhooks."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


GENERATORS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"callback": lambda: secrets.token_hex(KEY_BYTES), "webhook": _webhook_key}
)


def keys_of(held: Mapping[str, Any], name: str) -> list[str]:
    """Return the keys of a kind in a secret, without empty ones; none where the secret has another form."""
    found = held.get(name)
    keys = found.get("keys") if isinstance(found, Mapping) else None
    return [key for key in keys if key and isinstance(key, str)] if isinstance(keys, list) else []


def rotated(signing: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the signing secret with a new key of a kind, and behind it the key that signed until now.

    Earlier keys are left out: they verify nothing any more.
    """
    return {**signing, name: {"keys": [GENERATORS[name](), *keys_of(signing, name)[:1]]}}


def completed(signing: Mapping[str, Any], earlier: Mapping[str, Any]) -> tuple[dict[str, Any], list[str], list[str]]:
    """Complete the signing secret.

    Args:
        signing: its content.
        earlier: the vendors' secret, where an older installation has the keys.

    Returns:
        The new content; the kinds of keys that were moved; those that were generated.
    """
    content, moved, generated = dict(signing), [], []
    for name, generate in GENERATORS.items():
        keys = keys_of(signing, name)
        if old := [key for key in keys_of(earlier, name) if key not in keys]:
            moved.append(name)  # behind a newer key: they only verify what was signed before
        elif not keys:
            generated.append(name)
        content[name] = {"keys": [*keys, *old] or [generate()]}
    return content, moved, generated
