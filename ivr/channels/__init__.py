"""The ways in which a call reaches the hotline, each with its own reading and writing; nothing outside knows TwiML."""
