"""A carrier under our control, as strict as the real one is silent, and a phone for the terminal."""

from ivr.carrier.carrier import AgentAnswers, Carrier
from ivr.carrier.line import Call, Heard
from ivr.carrier.violations import CarrierRejected, Violation
from ivr.carrier.webhook import Exchange

__all__ = ["AgentAnswers", "Call", "Carrier", "CarrierRejected", "Exchange", "Heard", "Violation"]
