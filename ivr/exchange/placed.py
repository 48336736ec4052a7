"""A call that the hotline has placed through the carrier's API, in real time."""

from ivr.carrier.placed import Placed
from ivr.exchange.live import LiveLeg


class PlacedLeg(Placed, LiveLeg):
    """The callee's leg: it rings, is answered or not, and plays the order's document in real time."""
