"""The carrier's voice webhooks: signature, form, events in, TwiML out."""
