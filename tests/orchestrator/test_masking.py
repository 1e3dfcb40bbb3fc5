from __future__ import annotations

import pytest

from contract.errors import UsageError
from orchestrator.masking import masked, unmasked
from orchestrator.settings import Settings, shown_settings

_BODY = 'openai.extra_body={"user":"me","API-Key":"sk-1","headers":{"Authorization":["Bearer sk-2",{"of":"sk-3"}]}}'


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("openai.temperature=0.8", "openai.temperature=0.8"),
        ("openai.reasoning_effort=high", "openai.reasoning_effort=high"),
        ("openai.context_tokens=4096", "openai.context_tokens=4096"),
        ('openai.extra_body={"max_tokens": 9, "of": ["key"]}', 'openai.extra_body={"max_tokens": 9, "of": ["key"]}'),
        ("openai.api_key=sk-1", "openai.api_key=***"),
        ('openai.client_secret="sk-1"', "openai.client_secret=***"),
        ("openai.access_token=a=b=c", "openai.access_token=***"),
        ("openai.PASSWORD=sk-1", "openai.PASSWORD=***"),
        ('openai.extra_headers={"x-auth-token":"sk-1","x":1}', 'openai.extra_headers={"x-auth-token":"***","x":1}'),
        (
            _BODY,
            'openai.extra_body={"user":"me","API-Key":"***","headers":{"Authorization":["***",{"of":"***"}]}}',
        ),
        ('openai.extra_body={"api_key":"sk-1"', "openai.extra_body=***"),
        ("openai.extra_body=" + "[" * 100_000 + "]" * 100_000, "openai.extra_body=***"),
        ("no option", "no option"),
        ("", ""),
    ],
)  # fmt: skip
def test_masking(option: str, shown: str) -> None:
    """Texts below a name that tells of a secret are hidden, at any depth; numbers and all else stay as typed."""
    assert masked(option) == shown
    assert masked(shown) == shown
    assert shown_settings(Settings(topic="t", provider_options=(option,)))["provider_options"] == (shown,)


def test_unmasking() -> None:
    """What was kept with a mask is found among what is known; where it is not, it is asked for, and not shown."""
    kept = (masked(_BODY), "openai.temperature=1")
    assert unmasked(kept, ("test.speed=0", _BODY)) == (_BODY, "openai.temperature=1")
    with pytest.raises(UsageError, match=r"openai\.extra_body holds a secret, which is not kept") as refused:
        unmasked(kept, ("test.speed=0",))
    assert "me" not in str(refused.value)
