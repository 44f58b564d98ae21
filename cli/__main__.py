"""`python -m brownout.cli`."""

from .start import main

main()
