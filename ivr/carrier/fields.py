"""The form fields that the carrier sends with the webhooks of a call."""

from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.carrier.leg import Leg


def call_fields(call: "Leg", status: str) -> dict[str, str]:
    """Return the fields of every webhook of a call; what the carrier does not know of a place is empty."""
    direction = "inbound"
    if call.parent is not None:
        direction = "outbound-dial" if call.context == "whisper" else "outbound-api"
    return {
        "CallSid": call.sid,
        "AccountSid": call.carrier.account_sid,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
        "CallStatus": status,
        "ApiVersion": "2010-04-01",
        "Direction": direction,
        **{f"{end}{part}": "" for end in ("From", "To") for part in ("City", "State", "Zip", "Country")},
        **({"ParentCallSid": call.parent} if call.parent else {}),
        **call.carrier.extra,
    }


def status_fields(call: "Leg", status: str) -> dict[str, str]:
    """Return the fields of a status callback."""
    return call_fields(call, status) | {
        "CallDuration": str(round(call.clock)),
        "Timestamp": format_datetime(call.carrier.began + timedelta(seconds=call.clock)),
        "SequenceNumber": str(len(call.receipts)),
        "CallbackSource": "call-progress-events",
    }
