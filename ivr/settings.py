"""Every setting of the service in one frozen object, read from ``IVR_…`` names and checked before anything starts."""

import base64
import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ivr import urls
from ivr.envfile import SettingsError, check_env_file, env_file_names
from ivr.telephones import is_international

__all__ = ["DEMO_ACCOUNT_SID", "INTERNAL", "PREFIX", "Settings", "SettingsError", "strange_names"]

T = TypeVar("T")

PREFIX = "IVR_"
INTERNAL = frozenset({"crashes", "exchange_url", "last_good", "stand_ins", "worker"})
"""Fields that only the parent process hands to its children; no operator sets them."""

CARRIER_API = "https://api.twilio.com"
DEMO_ACCOUNT_SID = "AC" + "12333".rjust(32, "0")

_TOKEN = re.compile(r"[\x21-\x7e]+")
_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")


class Settings(BaseSettings):
    """All settings. Empty text means unset; `filled` puts the stand-ins of the embedded parts in their place.

    `read` is how the command gets them; constructing one directly reads the environment as well, but no ``.env``.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        str_strip_whitespace=True,
        validate_default=False,
        hide_input_in_errors=True,
    )

    public_url: str = ""
    """Where the carrier reaches the service, without a slash at its end; signatures are checked over it."""
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_url: str = ""
    """Where the carrier's REST API is reached; unset, the carrier's own."""
    outbound_number: str = ""
    """The caller ID of calls that the hotline places itself; unset, it places none."""
    redis_url: str = Field(default="", repr=False)
    account_url: str = ""
    account_token: SecretStr = SecretStr("")
    secret_key: SecretStr = SecretStr("")
    operator_token: SecretStr = SecretStr("")
    """What opens `/metrics` and the operators' pages."""
    database_url: str = Field(default="", repr=False)
    data_dir: Path = Field(default_factory=lambda: user_data_path("hotline-12333"))
    audit_dir: Path | None = None
    """Where each worker writes its audit entries; unset, a folder of the data folder."""
    audit_days: int = 1095
    """Days for which audit entries are kept."""
    record_days: int = 92
    """Days for which records of calls are kept: the longest quarter can still be reported as a whole."""
    message_days: int = 30
    """Days for which spoken messages are kept, and their recordings at the carrier."""
    refusal_step: float = 1.5
    """Seconds of the fixed step on which every refusal is sent."""
    flows_dir: Path | None = None
    prompts_dir: Path | None = None
    log_format: str = ""
    """``json`` or ``text``; unset, lines are text where a person sees them on a terminal."""
    phone: str = ""
    """``on`` or ``off``: the phone of the page ``/phone``; unset, the demo has it."""

    stand_ins: Annotated[frozenset[str], NoDecode] = frozenset()
    """Names of the settings that nobody set and the parent process filled in."""
    exchange_url: str = ""
    """Where the exchange of this machine is, to which phones are plugged in; nothing where there is none."""
    worker: int = 0
    """Which of the workers this process is, from 0."""
    crashes: Path | None = None
    """The folder in which the workers of one start and their parent tell each other what died in the middle of what."""
    last_good: Path | None = None
    """The file in which the workers of one start share the last version of flows and prompts that held."""

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The carrier's auth tokens, one or two; a signature by either one holds."""
        return _parts(self.twilio_auth_token.get_secret_value())

    @property
    def carrier_api(self) -> str:
        """Where the carrier's REST API is reached."""
        return self.twilio_api_url or CARRIER_API

    @property
    def operator_tokens(self) -> tuple[str, ...]:
        """The tokens of the operators, one or two; none closes their pages in production."""
        return _parts(self.operator_token.get_secret_value())

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The sealing keys, one or two of 32 bytes; the first one seals, all of them open."""
        return tuple(_key(part) for part in _parts(self.secret_key.get_secret_value()))

    @property
    def audit_folder(self) -> Path:
        """The folder of this machine's audit entries."""
        return self.audit_dir or self.data_dir / "audit"

    @property
    def demo(self) -> bool:
        """Whether the made-up auth token or the sample members are in use."""
        return bool(self.stand_ins & {"twilio_auth_token", "account_url"})

    @property
    def production(self) -> bool:
        """Whether real callers can arrive: an auth token was set, and the public URL is no loopback address."""
        token_is_set = bool(self.auth_tokens) and "twilio_auth_token" not in self.stand_ins
        return token_is_set and bool(self.public_url) and not urls.is_loopback(self.public_url)

    @property
    def encrypted(self) -> bool:
        """Whether browsers must not send what opens a page without encryption."""
        return self.production or self.public_url.startswith("https:")

    @classmethod
    def read(cls, env_file: Path | None = Path(".env")) -> Self:
        """Read the environment, then ``env_file``. Raises `SettingsError`, with a sentence for each wrong value."""
        check_env_file(env_file)
        try:
            return cls(_env_file=env_file, _env_file_encoding="utf-8")
        except ValidationError as error:
            raise SettingsError(*(_sentence(one) for one in error.errors())) from None

    def filled(self, **stand_ins: Any) -> Self:
        """Return a copy in which these settings, unset so far, have the given values and count as stand-ins."""
        return self.changed(**stand_ins, stand_ins=self.stand_ins.union(stand_ins))

    def changed(self, **values: Any) -> Self:
        """Return a copy with these values. The caller vouches for them: nothing is checked again."""
        return self.model_copy(update=values)

    def environment(self, *, only: Iterable[str] | None = None) -> dict[str, str]:
        """Return this process's environment with exactly these settings in it, for a child that reads them again."""
        names = type(self).model_fields.keys() if only is None else set(only)
        mine = {PREFIX + name.upper(): _as_text(getattr(self, name)) for name in names}
        others = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
        return others | {name: value for name, value in mine.items() if value}

    @field_validator("public_url", "account_url", "twilio_api_url")
    @classmethod
    def _web_url(cls, value: str) -> str:
        return value and urls.web_address(value)

    @field_validator("twilio_account_sid")
    @classmethod
    def _account_sid(cls, value: str) -> str:
        return _expect(value, not value or bool(_ACCOUNT_SID.fullmatch(value)), "AC and 32 hexadecimal digits")

    @field_validator("outbound_number")
    @classmethod
    def _caller_id(cls, value: str) -> str:
        return _expect(value, not value or is_international(value), "a telephone number of the form +12025550100")

    @field_validator("twilio_auth_token", "operator_token")
    @classmethod
    def _one_or_two_tokens(cls, value: SecretStr) -> SecretStr:
        parts = _parts(value.get_secret_value())
        good = len(parts) <= 2 and all(_TOKEN.fullmatch(part) for part in parts)
        return _expect(value, good, "one token, or two with a comma, of printable characters without blanks")

    @field_validator("account_token")
    @classmethod
    def _bearer_token(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        good = not text or bool(_TOKEN.fullmatch(text))
        return _expect(value, good, "a token of printable characters without blanks")

    @field_validator("secret_key")
    @classmethod
    def _secret_key(cls, value: SecretStr) -> SecretStr:
        parts = _parts(value.get_secret_value())
        good = len(parts) <= 2 and all(len(_key(part)) == 32 for part in parts)
        return _expect(value, good, "base64 of 32 bytes, or two of them with a comma")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        forms = "redis://, rediss://, unix://, redis+sentinel://h:p,h:p/service/0 or redis+cluster://h:p,h:p"
        return _expect(value, not value or urls.is_redis(value), f"a URL of the form {forms}")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        return value and urls.async_database(value)

    @field_validator("refusal_step")
    @classmethod
    def _step(cls, value: float) -> float:
        # Not above 4: every webhook is answered within 5 s. A NaN fails both comparisons.
        return _expect(value, 0.01 <= value <= 4, "seconds from 0.01 to 4")

    @field_validator("audit_days", "record_days", "message_days")
    @classmethod
    def _days(cls, value: int) -> int:
        return _expect(value, 1 <= value <= 36_500, "days from 1 to 36500")

    @field_validator("data_dir", "audit_dir")
    @classmethod
    def _data_folder(cls, value: Path | None) -> Path | None:
        path = value and value.expanduser().absolute()
        return _expect(path, path is None or path.is_dir() or not path.exists(), f"a folder, but {path} is a file")

    @field_validator("flows_dir", "prompts_dir")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        path = value and value.expanduser().absolute()
        return _expect(path, path is None or path.is_dir(), f"a folder, but {path} is none")

    @field_validator("log_format")
    @classmethod
    def _log_form(cls, value: str) -> str:
        return _expect(value, value in ("", "json", "text"), "json or text")

    @field_validator("phone")
    @classmethod
    def _switch(cls, value: str) -> str:
        return _expect(value, value in ("", "on", "off"), "on or off")

    @field_validator("stand_ins", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return frozenset(_parts(value)) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.redis_url and not self.secret_key.get_secret_value():
            raise ValueError("IVR_SECRET_KEY is not set: expected base64 of 32 bytes, since IVR_REDIS_URL is set.")
        if self.account_url and not self.account_token.get_secret_value():
            raise ValueError("IVR_ACCOUNT_TOKEN is not set: expected the bearer token for IVR_ACCOUNT_URL.")
        if self.account_token.get_secret_value() and not self.account_url:
            raise ValueError("IVR_ACCOUNT_URL is not set: expected the base URL that IVR_ACCOUNT_TOKEN is for.")
        if self.outbound_number and not self.auth_tokens:
            raise ValueError(
                "IVR_TWILIO_AUTH_TOKEN is not set: expected the carrier's, to call as IVR_OUTBOUND_NUMBER."
            )
        return self


def strange_names(env_file: Path | None = Path(".env")) -> tuple[str, ...]:
    """Return a sentence for each ``IVR_…`` name in the environment or ``env_file`` that is no setting."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    public = [name for name in known if name.removeprefix(PREFIX).lower() not in INTERNAL]
    found = {name.upper() for name in (*os.environ, *env_file_names(env_file))}
    strange = sorted(name for name in found if name.startswith(PREFIX) and name not in known)
    sentences = []
    for name in strange:
        near = difflib.get_close_matches(name, public, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(public)}."
        sentences.append(f"{name} is no setting and is not read: {hint}")
    return tuple(sentences)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


def _key(text: str) -> bytes:
    """Return the bytes that ``text`` encodes, in either alphabet of base64; nothing where it encodes none."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except ValueError:
        return b""


def _as_text(value: object) -> str:
    """Return the text from which a setting is read to the same value again; unset is empty."""
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case frozenset():
            return ",".join(sorted(value))
        case _:
            return str(value)


def _expect(value: T, good: bool, expected: str) -> T:
    if not good:
        raise ValueError(f"expected {expected}")
    return value


def _sentence(error: ErrorDetails) -> str:
    """Turn one complaint of pydantic's into a sentence that names the setting; the value is never in it."""
    raised = error.get("ctx", {}).get("error")
    if not error["loc"]:
        return str(raised)
    plain = {"float_parsing": "expected a number", "int_parsing": "expected a whole number"}
    expected = str(raised) if raised else plain.get(error["type"], error["msg"])
    return f"{PREFIX}{str(error['loc'][0]).upper().removeprefix(PREFIX)} is wrong: {expected}."
