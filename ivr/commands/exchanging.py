"""The command `exchange`: the process of `ivr serve` to which the phones of this machine are plugged in."""

from ivr.commands.settling import settle_in
from ivr.exchange.demo import DemoAccounts
from ivr.exchange.service import create_exchange
from ivr.exchange.switch import Switch
from ivr.settings import Settings
from ivr.worker import serve_app


def exchange(url: str, descriptor: int, life: int) -> int:
    """Be the exchange for the hotline at ``url``, with the settings and the socket that `ivr serve` hands over."""
    settings = Settings.read(env_file=None)
    settle_in(settings)
    switch = Switch(
        url,
        public_url=settings.public_url,
        account_sid=settings.twilio_account_sid,
        auth_token=settings.auth_tokens[0],
    )
    accounts = None
    if settings.account_url:
        accounts = DemoAccounts(settings.account_url, settings.account_token.get_secret_value())
    ours = frozenset(filter(None, [settings.outbound_number]))
    serve_app(create_exchange(switch, numbers=ours, accounts=accounts), [descriptor], life)
    return 0
