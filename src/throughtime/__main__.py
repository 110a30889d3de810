"""`python -m throughtime`."""

import sys

from throughtime.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
