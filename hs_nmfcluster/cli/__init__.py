"""The command line ``hs-nmfcluster``."""

from hs_nmfcluster.cli.entry import main

__all__ = ["main"]
