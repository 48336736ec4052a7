"""The audit trail: who was verified, what was disclosed in which call, in chains that cannot be changed unnoticed."""
