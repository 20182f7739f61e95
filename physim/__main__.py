"""`python -m physim` is the `physim` command."""

import sys

from .cli import main

sys.exit(main())
