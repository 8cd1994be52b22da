"""Arguments that both simulations check alike."""


def check_arguments(
    scan_shape: tuple[int, ...],
    detector_shape: tuple[int, int],
    seed: int,
    **positive: float,
) -> None:
    """Refuse shapes, seeds and lengths that make no sense.

    Parameters
    ----------
    scan_shape
        One to three positive integers.
    detector_shape
        Two integers above 1.
    seed
        0 or larger.
    **positive
        Numbers that have to be positive, by name.

    Raises
    ------
    ValueError
        If one of them is out of its range.

    Examples
    --------
    >>> check_arguments((4, 4), (8, 8), 0, dose=-1.0)
    Traceback (most recent call last):
    ValueError: dose must be positive, got -1.0
    """
    if not 1 <= len(scan_shape) <= 3 or min(scan_shape) < 1:
        raise ValueError(f"scan_shape must be one to three positive integers, got {scan_shape}")
    if len(detector_shape) != 2 or min(detector_shape) < 2:
        raise ValueError(f"detector_shape must be two integers above 1, got {detector_shape}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be 0 or larger and fit into 64 bits, got {seed}")
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
