"""Images as EMD 1.0, in which py4DSTEM goes on with them (emdfile's specification)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from hyperspy.signal import BaseSignal

from hs_nmfcluster.files import written_whole
from hs_nmfcluster.lazy import imported
from hs_nmfcluster.scan.units import canonical, inverse_nm_per, nm_per

_ROOT = "hs_nmfcluster"
# py4DSTEM's x runs along the first axis of the array, the rows.
_PLANES = {"Q": ("Qx", "Qy"), "R": ("Rx", "Ry")}


def save_emd(path: Path, images: Mapping[str, BaseSignal]) -> None:
    """Write images into one file; it is whole or absent.

    Parameters
    ----------
    path
        File, replaced if there is one.
    images
        By the name that they get: stacks of patterns or of maps.
    """
    with written_whole(path) as temporary, imported("h5py").File(temporary, "w") as file:
        file.attrs.update(
            emd_group_type="file",
            version_major=1,
            version_minor=0,
            authoring_program="hs_nmfcluster",
            authoring_user="",
            UUID=str(uuid4()),
        )
        root = file.create_group(_ROOT)
        root.attrs.update(emd_group_type="root", python_class="Root")
        for name, signal in images.items():
            _write_array(root.create_group(name), signal)


def _write_array(group: Any, signal: BaseSignal) -> None:
    group.attrs.update(emd_group_type="array", python_class="Array")
    group.create_dataset("data", data=np.asarray(signal.data)).attrs["units"] = "intensity"
    all_axes = signal.axes_manager._axes
    patterns = any(inverse_nm_per(str(axis.units), 1.0) is not None for axis in all_axes)
    plane = _PLANES["Q" if patterns else "R"]
    n_signal = len(signal.axes_manager.signal_axes)
    names = [str(axis.name) for axis in all_axes[:-n_signal]] + list(plane[:n_signal])
    for index, (axis, name) in enumerate(zip(all_axes, names, strict=True)):
        # Two numbers stand for as many as there are, at even distances.
        dim = group.create_dataset(f"dim{index}", data=axis.offset + axis.scale * np.arange(2.0))
        dim.attrs.update(name=name, units=_units(str(axis.units)))


def _units(units: str) -> str:
    """Write a unit as py4DSTEM does."""
    known = canonical(units).replace("Å", "A").replace("µ", "u")
    if inverse_nm_per(units) is not None:
        return f"{known.removeprefix('1/')}^-1"
    return known if nm_per(units) is not None else "pixels" if known == "px" else known
