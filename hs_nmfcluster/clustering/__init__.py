"""Hierarchical clustering of patterns that may be rotated, or of maps that may be shifted."""
