"""What the commands of `alignedcut` do; the options are in `cli.py`."""
