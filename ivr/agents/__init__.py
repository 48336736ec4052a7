"""Humans behind the hotline: the callbacks that callers book and agents work off."""
