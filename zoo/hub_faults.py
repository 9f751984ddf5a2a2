"""What the Hub's client raises, in words that say what happened and what to do, and that never hold a token."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}")


class HubError(OSError):
    """The Hub or the request is at fault; the message says what happened and what to do. It never holds a token.

    It can be printed everywhere: what a stranger's Hub says may hold halves of letters.
    """

    def __init__(self, words: str) -> None:
        super().__init__(words.encode("utf-8", "backslashreplace").decode())


class Unreachable(HubError):
    """The Hub did not serve the request now, but may later: no network, a broken connection, 429 or 5xx."""


class Unpaid(HubError):
    """The Hub wants a subscription or credit for what was asked (402)."""


class Damaged(HubError):
    """What came is not what the Hub records, or is no checkpoint of this zoo."""


def short(text: str) -> str:
    """`text` quoted, and cut to 80 characters, for a message."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def without_tokens(text: str, token: str = "") -> str:
    """`text` with `token`, and whatever else looks like a token of the Hub, taken out."""
    return _TOKEN.sub("(token)", text.replace(token, "(token)") if token else text)


@contextmanager
def in_words(repo: str, revision: str, token: str, file: str = "") -> Iterator[None]:
    """Turn what the client raises inside the block into a HubError without a token in it."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    what = f"{repo}@{revision}" + (f"/{file}" if file else "")
    try:
        yield
    except HubError:
        raise
    except (
        httpx2.HTTPError,
        httpx2.InvalidURL,
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as raised:
        error: BaseException = raised
        # The client wraps what happened while it uploads, and when it finds no copy in its cache.
        while isinstance(error, RuntimeError | LocalEntryNotFoundError) and error.__cause__ is not None:
            error = error.__cause__
        if isinstance(error, HfHubHTTPError):
            explained = _answer(error, repo, revision, token, file)
        elif isinstance(error, OfflineModeIsEnabled):
            explained = Unreachable(f"{what} was not asked for: HF_HUB_OFFLINE switches the network off.")
        elif isinstance(error, httpx2.TimeoutException):
            explained = Unreachable(f"the Hub did not answer in time about {what}; try again later.")
        elif isinstance(error, httpx2.ConnectError):
            explained = Unreachable(f"the Hub cannot be reached for {what}: is there a network?")
        elif isinstance(error, httpx2.HTTPError):
            explained = Unreachable(f"the connection to the Hub broke off over {what}; try again.")
        elif "Consistency check failed" in str(error):
            explained = Damaged(f"{what} came truncated: fewer bytes than the Hub records. It was not kept; try again.")
        elif isinstance(error, json.JSONDecodeError | KeyError | TypeError | AttributeError):
            explained = Unreachable(
                f"what answered about {what} does not speak as a Hub does: is a login page in between?"
            )
        else:
            explained = HubError(f"{what}: {without_tokens(str(error), token)}")
        # The client's exception holds the request with its token, so it is not chained.
        raise explained from None


def _answer(error: HfHubHTTPError, repo: str, revision: str, token: str, file: str) -> HubError:
    """The Hub's refusal in words."""
    status, code = error.response.status_code, error.response.headers.get("X-Error-Code", "")
    said = " ".join(without_tokens(error.server_message or "", token).split())[:200]
    said = f" The Hub says: {said}" if said else ""
    if status == 401 and token:
        return HubError(f"the Hub does not accept the token for {repo} (401): make a new one, or log in again.{said}")
    if status == 401:
        return HubError(
            f"{repo} does not exist, or is private and wants a token (401): check the name, or set HF_TOKEN."
        )
    if status == 402:
        return Unpaid(f"the Hub wants a subscription or credit for this with {repo} (402).{said}")
    if status == 403 and code == "GatedRepo":
        return HubError(f"{repo} is gated (403): ask its owner for access on its page, then try again.{said}")
    if status == 403:
        return HubError(f"the token may not do this with {repo} (403): it needs the right to.{said}")
    if status == 404 and code == "RevisionNotFound":
        return HubError(f"{repo} has no revision {revision!r} (404): name a branch, a tag or a commit of it.")
    if status == 404 and code == "EntryNotFound":
        return Damaged(f"{repo}@{revision} lacks the file {file!r} that it lists (404).")
    if status == 404:
        return HubError(f"the Hub has no model repository {repo} that you may see (404): check the name.")
    if status == 412:
        return HubError(f"somebody else pushed to {repo} in the meantime (412): nothing was committed; push again.")
    if status == 429:
        return Unreachable(f"the Hub asks for fewer requests (429): try {repo} again {_wait(error)}.")
    if status >= 500:
        return Unreachable(f"the Hub has a fault of its own ({status}) over {repo}: try again later.{said}")
    return HubError(f"the Hub refused the request for {repo} ({status}).{said}")


def _wait(error: HfHubHTTPError) -> str:
    """When to ask again, from `Retry-After` (seconds or a date) or the Hub's `RateLimit` header."""
    headers = error.response.headers
    after = headers.get("Retry-After", "").strip()
    limit = re.search(r"\bt\s*=\s*(\d{1,6})", headers.get("RateLimit", ""))
    if seconds := after if re.fullmatch(r"[0-9]{1,6}", after) else limit and limit[1]:
        return f"in {int(seconds):,} seconds"
    try:
        return f"in {max(0, round((parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds())):,} seconds"
    except (TypeError, ValueError):
        return "later"
