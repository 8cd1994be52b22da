"""What a signal must be before any long work starts."""

from hyperspy.signal import BaseSignal


def check_patterns(signal: BaseSignal) -> None:
    """Refuse a signal whose elements are not real two-dimensional patterns.

    Raises
    ------
    TypeError
        Complex, boolean or non-numeric data.
    ValueError
        Ragged or empty data, a signal dimension other than 2, detector axes that are not the
        last two of the array, non-uniform axes.
    """
    manager = signal.axes_manager
    if signal.ragged:
        raise ValueError("The signal is ragged; patterns must all be of one shape.")
    if manager.signal_dimension != 2:
        raise ValueError(
            f"The signal dimension is {manager.signal_dimension}, it must be 2 (patterns). "
            "Use `s.transpose` or `s.as_signal2D` to say which two axes are the detector's."
        )
    if manager.signal_indices_in_array != (signal.data.ndim - 1, signal.data.ndim - 2):
        raise ValueError(
            "The detector's axes are not the last two of the data array. Put them there with "
            "`s.transpose(signal_axes=s.axes_manager.signal_axes)`."
        )
    if signal.data.size == 0:
        raise ValueError(f"The signal is empty: its data are of shape {signal.data.shape}.")
    if signal.data.dtype.kind not in "iuf":
        raise TypeError(
            f"The data are of dtype {signal.data.dtype}; they must be real numbers (integer or "
            "float), for instance `s.change_dtype('uint16')`, or `abs(s)` of complex data."
        )
    for axis in manager._axes:
        if not axis.is_uniform:
            raise ValueError(
                f"The axis {axis.name!s} is not uniform; convert it first with "
                "`convert_to_uniform_axis` or `interpolate_on_axis`."
            )


def check_scan(signal: BaseSignal) -> None:
    """Refuse a signal that is not a scan of real two-dimensional patterns.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_patterns`; ValueError without a navigation axis.
    """
    check_patterns(signal)
    if signal.axes_manager.navigation_dimension == 0:
        raise ValueError(
            "The signal has no navigation axis: it is a single pattern, not a scan of patterns."
        )
