"""What a simulated specimen is made of."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.simulation.instrument import Instrument
from hs_nmfcluster.words import times

#: Family name of the components that are no crystals.
AMORPHOUS = "amorphous"


@dataclass(frozen=True, repr=False)
class Truth:
    """The known answer to a simulated scan.

    A *component* is one crystal structure seen at one in-plane angle (or one amorphous halo);
    several particles can belong to it. The counts expected at a position are
    ``sum_k maps[k] * patterns[k]`` where the specimen is a linear mixture, and nearly so where
    it was simulated from atoms (speckle is no linear mixture).

    Attributes
    ----------
    patterns
        Diffraction pattern of each component, shape ``(n, n_v, n_u)``, of unit sum over the
        detector, direct beam included.
    maps
        Electrons that each component contributes, shape ``(n, *scan_shape)``.
    families
        Crystal family of each component; ``"amorphous"`` for halos.
    angles
        In-plane angle of each component in degrees, from +x (columns) towards +y (rows);
        NaN for halos. Only differences within a family have a meaning.
    diameters
        Mean diameter of the particles of each component in nm; NaN for halos.
    spacings
        Lattice spacings of each family in nm, the largest first.
    symmetry
        Order of the rotation axis of each family's pattern (2, 4, 6).
    center
        Position ``(x, y)`` of the direct beam in pixels.
    detector_mask
        Pixels that show no structure, shape ``(n_v, n_u)``: direct beam and corners beyond
        the inscribed circle. True = left out.
    particle_components
        Index of the component of each particle, shape ``(p,)``.
    particle_positions
        Centre ``(x, y)`` of each particle in scan pixels, shape ``(p, 2)``.
    particle_diameters
        Diameter of each particle in nm, shape ``(p,)``.
    particle_fractions
        Share of the scattered electrons that each particle takes at its middle, shape
        ``(p,)``.
    instrument
        What spoiled the scan, of which all else is without; None where nothing did.

    Examples
    --------
    >>> from hs_nmfcluster.simulation import Truth, linear_mixture
    >>> signal, truth = linear_mixture((12, 24), (32, 32), pixel_size=0.6, n_particles=2)
    >>> truth.families, truth.maps.shape
    (('amorphous', 'A', 'B'), (3, 12, 24))
    """

    patterns: NDArray[np.floating]
    maps: NDArray[np.floating]
    families: tuple[str, ...]
    angles: NDArray[np.floating]
    diameters: NDArray[np.floating]
    spacings: dict[str, tuple[float, ...]]
    symmetry: dict[str, int]
    center: tuple[float, float]
    detector_mask: NDArray[np.bool_]
    particle_components: NDArray[np.integer] = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )
    particle_positions: NDArray[np.floating] = field(default_factory=lambda: np.empty((0, 2)))
    particle_diameters: NDArray[np.floating] = field(default_factory=lambda: np.empty(0))
    particle_fractions: NDArray[np.floating] = field(default_factory=lambda: np.empty(0))
    instrument: Instrument | None = None

    def __repr__(self) -> str:
        families = ", ".join(
            f"{self.families.count(name)} {name}" for name in dict.fromkeys(self.families)
        )
        scan, pattern = times(self.maps.shape[:0:-1]), times(self.patterns.shape[:0:-1])
        return f"<Truth: {families}; scan of {scan}, patterns of {pattern} pixels>"

    @property
    def n_components(self) -> int:
        """Number of components, halos included."""
        return len(self.families)

    @property
    def crystalline(self) -> NDArray[np.bool_]:
        """Which components are crystals, shape ``(n,)``."""
        return np.array([family != AMORPHOUS for family in self.families])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Family of each component as a number, 0 = amorphous, shape ``(n,)``."""
        names = [AMORPHOUS, *self.spacings]
        return np.array([names.index(family) for family in self.families])

    @property
    def masks(self) -> NDArray[np.bool_]:
        """Where each component's map exceeds half its maximum, shape ``(n, *scan_shape)``."""
        axes = tuple(range(1, self.maps.ndim))
        return self.maps > 0.5 * self.maps.max(axis=axes, keepdims=True)

    def reconstruction(self) -> NDArray[np.floating]:
        """Mix the expected electrons without noise, ``sum_k maps[k] * patterns[k]``.

        Returns
        -------
        expected
            Shape ``(*scan_shape, n_v, n_u)``.

        Examples
        --------
        >>> truth.reconstruction().shape
        (12, 24, 32, 32)
        """
        return np.tensordot(np.moveaxis(self.maps, 0, -1), self.patterns, axes=1)

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings and arrays, as HyperSpy's metadata can hold it.

        Returns
        -------
        state

        Examples
        --------
        >>> truth.as_dict()["families"]
        ['amorphous', 'A', 'B']
        """
        state = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        state["families"] = np.array(self.families, dtype=object).tolist()
        state["center"] = [float(value) for value in self.center]
        state["spacings"] = {
            name: np.asarray(values, dtype=float) for name, values in self.spacings.items()
        }
        state["symmetry"] = dict(self.symmetry)
        state["instrument"] = {} if self.instrument is None else self.instrument.as_dict()
        return state

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Truth":
        """Inverse of `as_dict`.

        Parameters
        ----------
        state
            What `as_dict` gave, possibly through a file.

        Returns
        -------
        truth

        Examples
        --------
        >>> Truth.from_dict(truth.as_dict()).families == truth.families
        True
        """
        names = [entry.name for entry in fields(cls) if entry.name != "instrument"]
        known = {name: state[name] for name in names}
        given = state.get("instrument")
        known["instrument"] = Instrument(**given) if given else None
        known["families"] = tuple(str(family) for family in state["families"])
        x, y = state["center"]
        known["center"] = (float(x), float(y))
        known["spacings"] = {
            name: tuple(float(value) for value in np.atleast_1d(values))
            for name, values in state["spacings"].items()
        }
        known["symmetry"] = {name: int(order) for name, order in state["symmetry"].items()}
        for name in ("patterns", "maps", "angles", "diameters", "detector_mask"):
            known[name] = np.asarray(state[name])
        return cls(**known)

    def attach(self, signal: Any) -> None:
        """Write the truth into a signal's metadata, so that it is saved with the signal.

        Parameters
        ----------
        signal
            HyperSpy signal of this specimen.

        Examples
        --------
        >>> truth.attach(signal)
        >>> signal.metadata.has_item("Simulation.truth")
        True
        """
        signal.metadata.set_item("Simulation.truth", self.as_dict())

    @classmethod
    def from_signal(cls, signal: Any) -> "Truth":
        """Read the truth of a simulated signal, for instance one loaded from a file.

        Parameters
        ----------
        signal
            Signal that a simulation made.

        Returns
        -------
        truth

        Raises
        ------
        ValueError
            If the signal holds no truth, or was cropped or binned after it was made.

        Examples
        --------
        >>> Truth.from_signal(signal).n_components
        3
        """
        if not signal.metadata.has_item("Simulation.truth"):
            raise ValueError(
                "signal holds no truth: its metadata has no 'Simulation.truth'; only signals "
                "made by hs_nmfcluster.simulation do"
            )
        truth = cls.from_dict(signal.metadata.Simulation.truth.as_dictionary())
        expected = (*truth.maps.shape[1:], *truth.patterns.shape[1:])
        if signal.data.shape != expected:
            raise ValueError(
                f"signal has shape {signal.data.shape} but its truth describes {expected}: it "
                "was cropped or binned after the simulation"
            )
        return truth

    def save(self, path: str | Path) -> None:
        """Save to a NumPy archive of its own.

        Parameters
        ----------
        path
            Name of the file, with the extension ``.npz``.

        Examples
        --------
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/truth.npz"
        >>> truth.save(path)
        >>> Truth.load(path).families
        ('amorphous', 'A', 'B')
        """
        state = self.as_dict()
        names = list(self.spacings)
        state["spacings"] = np.concatenate([state["spacings"][name] for name in names] or [[]])
        state["spacing_counts"] = [len(self.spacings[name]) for name in names]
        state["symmetry"] = [self.symmetry[name] for name in names]
        state["families"] = np.array(self.families, dtype=str)
        state["instrument"] = json.dumps(state["instrument"])
        np.savez_compressed(path, names=np.array(names, dtype=str), **state)

    @classmethod
    def load(cls, path: str | Path) -> "Truth":
        """Load what `save` wrote.

        Parameters
        ----------
        path
            Name of the file.

        Returns
        -------
        truth

        Examples
        --------
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/truth.npz"
        >>> truth.save(path)
        >>> Truth.load(path).families
        ('amorphous', 'A', 'B')
        """
        with np.load(path, allow_pickle=False) as archive:
            state: dict[str, Any] = dict(archive)
        names = [str(name) for name in state.pop("names")]
        state["instrument"] = json.loads(str(state.get("instrument", "{}")))
        ends = np.cumsum(state.pop("spacing_counts"), dtype=int)
        parts = np.split(state["spacings"], ends)[: len(names)]
        state["spacings"] = dict(zip(names, parts, strict=True))
        state["symmetry"] = dict(zip(names, state["symmetry"], strict=True))
        return cls.from_dict(state)
