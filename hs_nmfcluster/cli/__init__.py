"""The command line ``hs-nmfcluster``."""

from hs_nmfcluster.cli.commands import main

__all__ = ["main"]
