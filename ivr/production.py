"""What is too weak for production, where real callers can arrive: a sentence for each setting, and nothing starts."""

from collections.abc import Iterable

from ivr import urls
from ivr.settings import Settings

_SHORTEST_TOKEN = 32
_SHORTEST_ACCOUNT_TOKEN = 8
_FEWEST_SIGNS = 8
_FEWEST_KEY_BYTES = 12
_SHORTEST_STEP_S = 1.0


def weaknesses(settings: Settings) -> tuple[str, ...]:
    """Return a sentence for each setting that is too weak for production; nothing is too weak for anything else."""
    return tuple(_weaknesses(settings)) if settings.production else ()


def _weaknesses(settings: Settings) -> Iterable[str]:
    account_token = settings.account_token.get_secret_value()
    tokens = (
        ("IVR_TWILIO_AUTH_TOKEN", settings.auth_tokens, _SHORTEST_TOKEN),
        ("IVR_OPERATOR_TOKEN", settings.operator_tokens, _SHORTEST_TOKEN),
        ("IVR_ACCOUNT_TOKEN", (account_token,) if account_token else (), _SHORTEST_ACCOUNT_TOKEN),
    )
    for name, given, shortest in tokens:
        if any(len(token) < shortest for token in given):
            yield f"{name} is too short for production: expected at least {shortest} characters."
    if any(len(set(token)) < _FEWEST_SIGNS for token in settings.operator_tokens):
        yield "IVR_OPERATOR_TOKEN is too simple for production: expected a random token."
    if {*settings.operator_tokens} & {*settings.auth_tokens, account_token}:
        yield "IVR_OPERATOR_TOKEN is another setting's token as well: expected one of its own."
    if "twilio_account_sid" in settings.stand_ins:
        yield "IVR_TWILIO_ACCOUNT_SID is not set: expected the AC… of the carrier's account in production."
    if "account_url" in settings.stand_ins:
        yield "IVR_ACCOUNT_URL is not set: expected a real account service in production, not the sample members."
    if any(len(set(key)) < _FEWEST_KEY_BYTES for key in settings.secrets):
        yield "IVR_SECRET_KEY is too simple for production: expected 32 random bytes in base64."
    if settings.refusal_step < _SHORTEST_STEP_S:
        yield f"IVR_REFUSAL_STEP is too short for production: expected at least {_SHORTEST_STEP_S:g} s."
    # In clear, these may cross a network of one's own (a switch on the premises), no other.
    for name, url, what in (
        ("IVR_PUBLIC_URL", settings.public_url, "passwords travel"),
        ("IVR_ACCOUNT_URL", settings.account_url, "passwords travel"),
        ("IVR_TWILIO_API_URL", settings.twilio_api_url, "the auth token travels"),
    ):
        if url.startswith("http:") and not urls.is_private(url):
            yield f"{name} is not encrypted: expected https:// in production, {what} over it."
