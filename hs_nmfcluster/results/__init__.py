"""The objects that an analysis hands back, with HyperSpy signals, figures and tables."""
