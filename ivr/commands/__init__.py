"""What the commands of `ivr` do; `ivr.__main__` tells how they are called."""
