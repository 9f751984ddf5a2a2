"""What must not be said: the keys and tokens of the environment, wherever words leave the process."""

from __future__ import annotations

import os
import re

_NAMED = re.compile(r"TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 8
"""Characters below which a value is a switch such as "false", and no secret."""


def secrets() -> list[str]:
    """Values of the environment's variables that are named as secrets are, the longest first; lists are taken apart."""
    values = [value for name, value in os.environ.items() if _NAMED.search(name)]
    found = {one.strip() for value in values for one in (value, *value.split(","))}
    return sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)


def without_secrets(text: str) -> str:
    """`text` with every secret of the environment taken out: an error may quote a header, an address or a setting."""
    for secret in secrets():
        text = text.replace(secret, "(secret)")
    return text
