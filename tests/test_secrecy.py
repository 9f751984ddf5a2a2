"""Keys and tokens of the environment: in nothing that a visitor is told, and in no log."""

from __future__ import annotations

import pytest

from zoo.secrecy import secrets, without_secrets
from zoo.ui import guard
from zoo.ui.api_errors import Refused

TOKEN, KEYS = "hf_" + "TokenToken" * 3, ("alpha-alpha", "beta-beta-beta")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("ZOO_API_KEY", ", ".join(KEYS))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("ZOO_NAMESPACE", "somebody-known")


def test_secrets_are_known_by_the_names_of_their_variables_and_each_of_a_list_alone() -> None:
    assert {TOKEN, *KEYS, ", ".join(KEYS)} <= set(secrets())
    said = f"false: {TOKEN} is no key of somebody-known, {KEYS[0]} and {KEYS[1]} are"
    assert without_secrets(said) == "false: (secret) is no key of somebody-known, (secret) and (secret) are"


def test_an_incident_tells_the_log_where_it_happened_but_no_words(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError(" ".join(("the", "header", "was", TOKEN))) from ValueError(KEYS[1])
    except RuntimeError as error:
        words = guard.report(error)
    assert "RuntimeError" in caplog.text and "test_secrecy.py" in caplog.text and "the header was" not in caplog.text
    assert not any(secret in caplog.text + words for secret in (TOKEN, *KEYS))


def test_what_is_refused_in_words_is_told_without_secrets() -> None:
    page = guard._error("refused", f"{TOKEN} is not allowed")
    program = Refused(400, f"{TOKEN} is not allowed", "invalid_value").body().decode()
    assert page.message == "(secret) is not allowed" and "(secret) is not allowed" in program
    assert TOKEN not in program
