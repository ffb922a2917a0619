"""`python -m proverom`: the same commands as `./run`, in an environment that is already there."""

import sys

from proverom.cli import main

sys.exit(main())
