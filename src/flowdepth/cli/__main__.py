"""``python -m flowdepth.cli``."""

from flowdepth.cli import main

main()
