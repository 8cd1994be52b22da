"""Passes over a scan in blocks of rows, here or on a cluster; nothing here knows of NMF."""
