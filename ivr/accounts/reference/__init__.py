"""The reference account service: it honours the contract with sample members, so that a fresh machine can be called."""

from ivr.accounts.reference.members import SAMPLE_MEMBERS, Sample
from ivr.accounts.reference.service import create_reference

__all__ = ["SAMPLE_MEMBERS", "Sample", "create_reference"]
