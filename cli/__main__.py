"""`python -m brownout.cli`."""

from .main import main

main()
