"""``python -m hs_nmfcluster.cli``."""

import sys

from hs_nmfcluster.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
