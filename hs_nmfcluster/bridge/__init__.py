"""Between HyperSpy and plain arrays: axes, masks, progress bars, learning results."""
