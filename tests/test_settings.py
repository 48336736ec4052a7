"""Settings: what is accepted, what stops the start and with which sentence, and what a child process is handed."""

import base64
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from ivr import urls
from ivr.production import weaknesses
from ivr.settings import DEMO_ACCOUNT_SID, Settings, SettingsError, strange_names

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(32, 64))).decode()
TOKEN = "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("IVR_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def set_all(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for pair in text.split():
        name, _, value = pair.partition("=")
        monkeypatch.setenv(f"IVR_{name}", value)


def test_without_a_setting_everything_is_unset_and_the_step_is_a_second_and_a_half() -> None:
    settings = Settings.read()
    assert (settings.public_url, settings.redis_url, settings.account_url, settings.database_url) == ("", "", "", "")
    assert (settings.auth_tokens, settings.secrets, settings.refusal_step) == ((), (), 1.5)
    assert settings.data_dir.is_absolute()
    assert (settings.flows_dir, settings.prompts_dir) == (None, None)
    assert not settings.production


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("PUBLIC_URL=hotline.example.com", "IVR_PUBLIC_URL", "http://HOST"),
        ("PUBLIC_URL=https://hotline.example.com/?a=1", "IVR_PUBLIC_URL", "http://HOST"),
        ("PUBLIC_URL=https://me:pw@hotline.example.com", "IVR_PUBLIC_URL", "http://HOST"),
        ("PUBLIC_URL=https://hotline.example.com:99999", "IVR_PUBLIC_URL", "http://HOST"),
        ("PUBLIC_URL=ftp://hotline.example.com", "IVR_PUBLIC_URL", "http://HOST"),
        ("TWILIO_ACCOUNT_SID=AC123", "IVR_TWILIO_ACCOUNT_SID", "AC and 32 hexadecimal digits"),
        (f"TWILIO_AUTH_TOKEN={TOKEN},", "IVR_TWILIO_AUTH_TOKEN", "one token, or two"),
        (f"TWILIO_AUTH_TOKEN={TOKEN},{TOKEN},{TOKEN}", "IVR_TWILIO_AUTH_TOKEN", "one token, or two"),
        ("TWILIO_API_URL=api.twilio.com", "IVR_TWILIO_API_URL", "http://HOST"),
        (f"OUTBOUND_NUMBER=12333 TWILIO_AUTH_TOKEN={TOKEN}", "IVR_OUTBOUND_NUMBER", "+12025550100"),
        ("OUTBOUND_NUMBER=+12025550100", "IVR_TWILIO_AUTH_TOKEN", "IVR_OUTBOUND_NUMBER"),
        (f"REDIS_URL=localhost:6379 SECRET_KEY={KEY}", "IVR_REDIS_URL", "redis://"),
        (f"REDIS_URL=redis:// SECRET_KEY={KEY}", "IVR_REDIS_URL", "redis://"),
        (f"REDIS_URL=redis://host/zero SECRET_KEY={KEY}", "IVR_REDIS_URL", "redis://"),
        (f"REDIS_URL=unix:// SECRET_KEY={KEY}", "IVR_REDIS_URL", "unix://"),
        (f"REDIS_URL=redis+sentinel://a:1,b:2 SECRET_KEY={KEY}", "IVR_REDIS_URL", "redis+sentinel://"),
        (f"REDIS_URL=redis+sentinel://a,b:2/main/0 SECRET_KEY={KEY}", "IVR_REDIS_URL", "redis+sentinel://"),
        (f"REDIS_URL=redis+cluster://a:1,b:99999 SECRET_KEY={KEY}", "IVR_REDIS_URL", "redis+cluster://"),
        ("REDIS_URL=redis://localhost", "IVR_SECRET_KEY", "base64 of 32 bytes"),
        (f"SECRET_KEY={KEY[:-4]}", "IVR_SECRET_KEY", "base64 of 32 bytes"),
        ("SECRET_KEY=no-base64-at-all!", "IVR_SECRET_KEY", "base64 of 32 bytes"),
        (f"SECRET_KEY={KEY},{OTHER_KEY},{KEY}", "IVR_SECRET_KEY", "two of them with a comma"),
        ("ACCOUNT_URL=http://accounts.example", "IVR_ACCOUNT_TOKEN", "bearer token"),
        ("ACCOUNT_TOKEN=abc", "IVR_ACCOUNT_URL", "base URL"),
        ("ACCOUNT_URL=accounts ACCOUNT_TOKEN=abc", "IVR_ACCOUNT_URL", "http://HOST"),
        ("DATABASE_URL=calls.db", "IVR_DATABASE_URL", "SQLAlchemy URL"),
        ("DATABASE_URL=nosuch://host/calls", "IVR_DATABASE_URL", "SQLAlchemy URL"),
        ("REFUSAL_STEP=fast", "IVR_REFUSAL_STEP", "a number"),
        ("REFUSAL_STEP=nan", "IVR_REFUSAL_STEP", "0.01 to 4"),
        ("REFUSAL_STEP=0", "IVR_REFUSAL_STEP", "0.01 to 4"),
        ("REFUSAL_STEP=4.5", "IVR_REFUSAL_STEP", "0.01 to 4"),
        ("FLOWS_DIR=nowhere", "IVR_FLOWS_DIR", "a folder"),
        ("PROMPTS_DIR=nowhere", "IVR_PROMPTS_DIR", "a folder"),
    ],
)
def test_a_wrong_value_gives_one_sentence_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, text: str, names: str, expected: str
) -> None:
    set_all(monkeypatch, text)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    (sentence,) = caught.value.sentences
    assert sentence.startswith(f"{names} is ")
    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "text",
    [
        "PUBLIC_URL=https://hotline.example.com/12333",
        f"TWILIO_AUTH_TOKEN={TOKEN},{TOKEN[::-1]}",
        f"REDIS_URL=redis://:secret@host:6379/3 SECRET_KEY={KEY}",
        f"REDIS_URL=rediss://host SECRET_KEY={KEY}",
        f"REDIS_URL=unix:///run/redis.sock SECRET_KEY={KEY}",
        f"REDIS_URL=redis+sentinel://a:26379,b:26379/main/0 SECRET_KEY={KEY},{OTHER_KEY}",
        f"REDIS_URL=redis+cluster://a:7000,[::1]:7001 SECRET_KEY={KEY}",
        "ACCOUNT_URL=http://localhost:8001 ACCOUNT_TOKEN=abc",
        f"OUTBOUND_NUMBER=+12025550100 TWILIO_API_URL=http://localhost:8002 TWILIO_AUTH_TOKEN={TOKEN}",
        "REFUSAL_STEP=0.05",
    ],
)
def test_every_documented_form_is_accepted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    set_all(monkeypatch, text)
    settings = Settings.read()
    for pair in text.split():
        name, _, value = pair.partition("=")
        got = getattr(settings, name.lower())
        assert str(got.get_secret_value() if isinstance(got, SecretStr) else got) == value


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, "PUBLIC_URL=x REFUSAL_STEP=x")
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert [sentence.split()[0] for sentence in caught.value.sentences] == ["IVR_PUBLIC_URL", "IVR_REFUSAL_STEP"]


@pytest.mark.parametrize(
    "text",
    [
        "TWILIO_AUTH_TOKEN=swordfish,swordfish,swordfish",
        "SECRET_KEY=swordfish",
        f"REDIS_URL=redis://:swordfish@host/zero SECRET_KEY={KEY}",
        "DATABASE_URL=postgresql://me:swordfish@host/calls",
    ],
)
def test_no_sentence_tells_a_secret(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    set_all(monkeypatch, text)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert "swordfish" not in str(caught.value)


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    settings = Settings(
        twilio_auth_token=SecretStr("swordfish"),
        secret_key=SecretStr(KEY),
        account_url="http://localhost:1",
        account_token=SecretStr("swordfish"),
        redis_url="redis://:swordfish@host",
        database_url="sqlite+aiosqlite:///swordfish",
    )
    assert "swordfish" not in repr(settings) + str(settings)
    assert KEY not in repr(settings) + str(settings)


def test_the_first_of_two_keys_and_tokens_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, f"SECRET_KEY={KEY},{OTHER_KEY} TWILIO_AUTH_TOKEN=new,old")
    settings = Settings.read()
    assert settings.secrets == (bytes(range(32)), bytes(range(32, 64)))
    assert settings.auth_tokens == ("new", "old")


def test_the_environment_goes_before_the_file_and_an_empty_value_is_unset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("# the hotline\nIVR_REFUSAL_STEP=2\nIVR_PUBLIC_URL='https://a.example'\n")
    set_all(monkeypatch, "PUBLIC_URL=https://b.example/ REDIS_URL=")
    settings = Settings.read()
    assert (settings.refusal_step, settings.public_url, settings.redis_url) == (2, "https://b.example", "")


@pytest.mark.parametrize(
    ("content", "expected"), [(b"IVR_REFUSAL_STEP=2\n= 3\n", "line 2"), (b"\xff\xfe\x00", "UTF-8")]
)
def test_a_file_that_cannot_be_read_gives_a_sentence(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=expected):
        Settings.read()


def test_a_sqlite_url_gets_the_driver_that_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, "DATABASE_URL=sqlite:////var/lib/calls.db")
    assert Settings.read().database_url == "sqlite+aiosqlite:////var/lib/calls.db"


def test_a_file_is_no_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IVR_DATA_DIR", "file")
    with pytest.raises(SettingsError, match="IVR_DATA_DIR is wrong"):
        Settings.read()


def test_a_name_that_is_no_setting_is_told_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("IVR_PUBLICURL=http://localhost\nOTHER=1\n")
    set_all(monkeypatch, "REDIS=x WORKER=3 STAND_INS=redis_url")
    publicurl, redis = strange_names()
    assert publicurl == "IVR_PUBLICURL is no setting and is not read: did you mean IVR_PUBLIC_URL?"
    assert redis.startswith("IVR_REDIS is no setting")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().refusal_step = 1.0  # type: ignore[misc]


def production(**values: object) -> Settings:
    """Return settings with which real callers could be served, but for ``values``."""
    strong = {
        "public_url": "https://hotline.example.com",
        "twilio_account_sid": "AC" + "a" * 32,
        "twilio_auth_token": SecretStr(TOKEN),
        "account_url": "https://accounts.example.com",
        "account_token": SecretStr("a token of the bureau"),
        "secret_key": SecretStr(KEY),
    }
    return Settings().changed(**(strong | values))


def test_strong_settings_have_no_weakness() -> None:
    assert production().production
    assert weaknesses(production()) == ()


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"twilio_auth_token": SecretStr(TOKEN[:-1])}, "IVR_TWILIO_AUTH_TOKEN"),
        ({"twilio_auth_token": SecretStr(f"{TOKEN},12345")}, "IVR_TWILIO_AUTH_TOKEN"),
        ({"stand_ins": frozenset({"twilio_account_sid"})}, "IVR_TWILIO_ACCOUNT_SID"),
        ({"stand_ins": frozenset({"account_url"})}, "IVR_ACCOUNT_URL"),
        ({"secret_key": SecretStr(base64.b64encode(b"0" * 32).decode())}, "IVR_SECRET_KEY"),
        ({"refusal_step": 0.05}, "IVR_REFUSAL_STEP"),
        ({"account_token": SecretStr("secret")}, "IVR_ACCOUNT_TOKEN"),
        ({"operator_token": SecretStr(TOKEN[1:])}, "IVR_OPERATOR_TOKEN"),
        ({"operator_token": SecretStr("abc" * 20)}, "IVR_OPERATOR_TOKEN"),
        ({"operator_token": SecretStr(f"{TOKEN[8:]}{TOKEN[:8]},0123456789")}, "IVR_OPERATOR_TOKEN"),
        ({"operator_token": SecretStr(TOKEN)}, "IVR_OPERATOR_TOKEN"),
        ({"public_url": "http://hotline.example.com"}, "IVR_PUBLIC_URL"),
        ({"account_url": "http://accounts.example.com"}, "IVR_ACCOUNT_URL"),
        ({"twilio_api_url": "http://api.example.com"}, "IVR_TWILIO_API_URL"),
    ],
)
def test_what_is_weak_in_production_is_told_and_is_fine_elsewhere(values: dict[str, object], names: str) -> None:
    (sentence,) = weaknesses(production(**values))
    assert sentence.startswith(f"{names} is ")
    for elsewhere in ({"public_url": "http://127.0.0.1:8000"}, {"stand_ins": frozenset({"twilio_auth_token"})}):
        assert weaknesses(production(**(values | elsewhere))) == ()


def test_a_switch_on_the_premises_may_call_without_encryption() -> None:
    assert weaknesses(production(public_url="http://10.0.3.7:8000", account_url="http://accounts:8001")) == ()


@pytest.mark.parametrize(
    ("url", "loopback", "private"),
    [
        ("http://127.0.0.1:8000", True, True),
        ("http://127.8.9.10", True, True),
        ("http://[::1]:8000", True, True),
        ("http://localhost", True, True),
        ("http://LocalHost.:8000", True, True),
        ("http://a.localhost", True, True),
        ("http://192.168.1.2", False, True),
        ("http://hotline", False, True),
        ("http://localhost.example.com", False, False),
        ("http://8.8.8.8", False, False),
    ],
)
def test_who_can_reach_a_url(url: str, loopback: bool, private: bool) -> None:
    assert (urls.is_loopback(url), urls.is_private(url)) == (loopback, private)


def test_a_url_is_shown_without_its_password() -> None:
    assert urls.without_password("redis://me:pw@host:1/0?password=pw") == "redis://host:1/0"


def test_a_child_reads_the_same_settings_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_all(monkeypatch, f"PUBLIC_URL=http://localhost TWILIO_AUTH_TOKEN={TOKEN} REDIS_URL= SURPLUS=1")
    parent = Settings.read().filled(
        twilio_account_sid=DEMO_ACCOUNT_SID,
        secret_key=SecretStr(KEY),
        redis_url="unix:///x.sock",
        account_url="http://127.0.0.1:9",
        account_token=SecretStr("t"),
    )
    env = parent.changed(worker=3, flows_dir=tmp_path).environment()
    assert "IVR_SURPLUS" not in env
    assert env["PATH"] == os.environ["PATH"]
    for name in ("IVR_SURPLUS", "IVR_REDIS_URL", "IVR_PUBLIC_URL", "IVR_TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    child = Settings.read(env_file=None)
    assert child == parent.changed(worker=3, flows_dir=tmp_path)
    assert child.stand_ins >= {"redis_url", "account_url", "secret_key"}
    assert "twilio_auth_token" not in child.stand_ins
    assert child.demo


def test_a_child_may_be_handed_a_few_settings_only() -> None:
    settings = Settings(twilio_auth_token=SecretStr(TOKEN), secret_key=SecretStr(KEY))
    env = settings.environment(only=("data_dir",))
    assert [name for name in env if name.startswith("IVR_")] == ["IVR_DATA_DIR"]
