"""What a real microscope and camera do to the patterns of a specimen."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Course = Literal["linear", "parabola", "jumps"]


@dataclass(frozen=True)
class Instrument:
    """Imperfections of a microscope and its camera; the defaults are a perfect one.

    All are drawn by `seed` alone, so that a lazy scan is the same whatever its chunks. Disks
    instead of spots are not among them: ``convergence_angle`` of the simulations makes these.

    Attributes
    ----------
    hot_pixels
        Number of pixels that count 10 to 1000 times the mean of the detector beside the
        electrons that they see. From two on, two of them are neighbours.
    dead_pixels
        Number of pixels that count nothing.
    noisy_pixels
        Number of pixels that count bursts in half of the patterns, as large as the mean.
    cross
        Rows and columns in the middle of the detector that count nothing, between four chips.
    edge
        How many times more the pixels beside the cross count, as they gather for the gap.
    metadata_rows
        First rows that hold whatever the camera writes there.
    beam_stop
        Radius in pixels of a disk that hides the direct beam; an arm half as wide holds it from
        the lower edge of the detector. 0 is none.
    drift
        Largest offset of the beam along x and y in pixels. Patterns that are moved or distorted
        are blurred by a point spread of 0.6 pixels.
    course
        How it moves: ``"linear"`` with the position of the probe, as by a bad descan,
        ``"parabola"``, or by ``"jumps"`` from one line to the next.
    ellipse
        Long over short axis of what should be circles, minus 1, in per cent.
    ellipse_axis
        Direction of the long axis in degrees, from +x (columns) to +y (rows).
    gain
        Standard deviation of the pixels' sensitivities in per cent.
    blank, repeated
        Share of patterns without electrons, and of copies of the pattern before.
    flyback
        Columns at the begin of lines taken while the beam flies back: mixtures of the line's
        patterns, displaced.
    saturation
        Largest count that the camera knows.
    readout_noise
        Standard deviation in counts of what the read-out adds; data are then ``int32`` and may be
        negative.
    seed
        Of all that is drawn.

    Raises
    ------
    ValueError
        If one of them is out of its range.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import Instrument, linear_mixture
    >>> instrument = Instrument(dead_pixels=3, drift=1.0, ellipse=2.0)
    >>> signal, truth = linear_mixture(
    ...     (12, 24), (32, 32), pixel_size=0.6, n_particles=2, instrument=instrument
    ... )
    >>> truth.instrument == instrument
    True
    """

    hot_pixels: int = 0
    dead_pixels: int = 0
    noisy_pixels: int = 0
    cross: int = 0
    edge: float = 1.0
    metadata_rows: int = 0
    beam_stop: float = 0.0
    drift: float = 0.0
    course: Course = "linear"
    ellipse: float = 0.0
    ellipse_axis: float = 30.0
    gain: float = 0.0
    blank: float = 0.0
    repeated: float = 0.0
    flyback: int = 0
    saturation: int | None = None
    readout_noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        unsigned = {field.name for field in fields(self)} - {
            "course",
            "ellipse_axis",
            "saturation",
        }
        for name in sorted(unsigned):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or larger, got {getattr(self, name)}")
        if self.course not in get_args(Course):
            raise ValueError(f"course must be one of {get_args(Course)}, got {self.course!r}")
        if self.saturation is not None and self.saturation < 1:
            raise ValueError(f"saturation must be 1 or larger, got {self.saturation}")
        if not self.blank + self.repeated < 1:
            raise ValueError(
                f"blank and repeated must leave patterns, got {self.blank} + {self.repeated}"
            )

    def as_dict(self) -> dict[str, Any]:
        """All of it as numbers and text.

        Returns
        -------
        dict

        Examples
        --------
        >>> Instrument(**instrument.as_dict()) == instrument
        True
        """
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in known.items() if value is not None}
