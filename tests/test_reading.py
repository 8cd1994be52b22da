"""The right file, the right signal in it, and the right axes of that."""

import os
import shutil
import string
import zipfile

import dask.array as da
import h5py
import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import counts

import hs_nmfcluster
from hs_nmfcluster import load_scan
from hs_nmfcluster.cli import main
from hs_nmfcluster.io.layout import is_swapped, with_scan_axes
from hs_nmfcluster.io.reading import NotAScanError, open_scan

SHAPE = (3, 4, 8, 9)


def save(path, data=None, **axes):
    path.parent.mkdir(parents=True, exist_ok=True)
    s = hs.signals.Signal2D(counts(SHAPE).astype("u2") if data is None else data)
    for name, units in axes.items():
        for axis in getattr(s.axes_manager, f"{name}_axes"):
            axis.scale, axis.units = 0.5, units
    s.save(path)
    return path


# Signs that file systems of today allow in names; a suffix follows.
SIGNS = string.ascii_letters + string.digits + " []{}()!#$%&'+,-.;=@^_`~äÅ度 "
names = st.text(SIGNS, min_size=1, max_size=24).filter(lambda name: name.strip(" .") == name)


class TestPaths:
    @given(folder=names, name=names)
    @settings(max_examples=30)
    def test_any_name(self, tmp_path_factory, folder, name):
        path = tmp_path_factory.mktemp("any") / folder / f"{name}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, counts(SHAPE))
        s = load_scan(path, print_info=False)
        np.testing.assert_array_equal(s.data, counts(SHAPE))

    @pytest.mark.parametrize("folder", ["2024-05 [110] tilt", "100%", "a*b?c", "~", "$HOME"])
    @pytest.mark.usefixtures("no_figures")
    def test_command_line(self, tmp_path, monkeypatch, folder):
        if os.name == "nt" and "*" in folder:
            pytest.skip("not a name on Windows")
        monkeypatch.chdir(tmp_path)
        save(tmp_path / folder / "scan.hspy")
        assert main(["run", f"{folder}/scan.hspy", "-q", "-k", "1", "--restarts", "1"]) == 0
        assert (tmp_path / "scan_nmf" / "factorization.hspy").exists()

    def test_not_its_neighbour(self, tmp_path):
        """A pattern of the one name would be the other."""
        save(tmp_path / "scan1.hspy", counts(SHAPE, seed=1))
        save(tmp_path / "scan[1].hspy", counts(SHAPE, seed=2))
        s = load_scan(tmp_path / "scan[1].hspy", print_info=False)
        np.testing.assert_array_equal(s.data, counts(SHAPE, seed=2))

    def test_no_such_file_but_a_neighbour(self, tmp_path):
        save(tmp_path / "scan1.hspy")
        with pytest.raises(NotAScanError, match="no such file"):
            load_scan(tmp_path / "scan[1].hspy")

    @pytest.mark.parametrize("folder", ["plain", "tilt [110]", "what?"])
    @pytest.mark.parametrize("stem", ["scan", "scan[1]"])
    def test_companions_of_a_file(self, real_data, tmp_path, folder, stem):
        """The reader of .emi looks for .ser files by a pattern."""
        source = "16x16-line_profile_horizontal_5x128x128_EDS"
        (tmp_path / folder).mkdir()
        for ending in (".emi", "_1.ser", "_2.ser"):
            shutil.copy(real_data / f"{source}{ending}", tmp_path / folder / f"{stem}{ending}")
        s = load_scan(tmp_path / folder / f"{stem}.emi", print_info=False)
        expected = load_scan(real_data / f"{source}.emi", print_info=False)
        np.testing.assert_array_equal(s.data, expected.data)
        assert set(s.original_metadata.keys()) == set(expected.original_metadata.keys())

    def test_relative_path_stays_right(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for suffix in (".hspy", ".npy", ".zspy"):
            save(tmp_path / f"scan{suffix}")
        loaded = [load_scan(f"scan{x}", print_info=False) for x in (".hspy", ".npy", ".zspy")]
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        for s in loaded:
            np.testing.assert_array_equal(s.data, counts(SHAPE))


class TestLazyModes:
    """What is read must be what is in the file, whatever mode its reader has."""

    @pytest.mark.parametrize("compressed", [True, False])
    def test_prz(self, tmp_path, compressed):
        data = counts(SHAPE).astype("u2")
        save(tmp_path / "scan.prz", data)
        if not compressed:
            with zipfile.ZipFile(tmp_path / "scan.prz") as old:
                members = {name: old.read(name) for name in old.namelist()}
            with zipfile.ZipFile(tmp_path / "scan.prz", "w", zipfile.ZIP_STORED) as new:
                for name, content in members.items():
                    new.writestr(name, content)
        s = load_scan(tmp_path / "scan.prz", print_info=False)
        assert s._lazy != compressed
        np.testing.assert_array_equal(s.data, data)

    @pytest.mark.parametrize("order", ["C", "F"])
    @pytest.mark.parametrize("dtype", ["u1", ">u2", "f4"])
    def test_npy(self, tmp_path, order, dtype):
        data = np.asarray(counts(SHAPE), dtype=dtype, order=order)
        np.save(tmp_path / "scan.npy", data)
        s = load_scan(tmp_path / "scan.npy", print_info=False)
        assert s._lazy == (order == "C")
        np.testing.assert_array_equal(s.data, data)

    @pytest.mark.parametrize(("n", "scan"), [(16, (4, 4)), (12, (12, 1))])
    @pytest.mark.parametrize("dtype", ["u2", "u4"])
    def test_arina(self, tmp_path, n, scan, dtype):
        data = arina(tmp_path / "scan_master.h5", n, dtype)
        s, lines = open_scan(tmp_path / "scan_master.h5")
        assert not s._lazy
        np.testing.assert_array_equal(s.data, data.reshape(*scan, 10, 10))
        assert "read as a whole" in lines[0]
        assert "read as Arina" in lines[0]

    def test_arina_with_a_scan_shape(self, tmp_path):
        data = arina(tmp_path / "scan_master.h5", 12, "u2")
        s = load_scan(tmp_path / "scan_master.h5", scan_shape=(4, 3), print_info=False)
        np.testing.assert_array_equal(s.data, data.reshape(3, 4, 10, 10))

    @pytest.mark.slow
    @pytest.mark.usefixtures("no_figures")
    def test_arina_on_the_command_line(self, tmp_path):
        arina(tmp_path / "scan_master.h5", 16, "u2")
        arguments = ["-o", str(tmp_path / "out"), "-q", "-k", "2", "--restarts", "1"]
        assert main(["run", str(tmp_path / "scan_master.h5"), *arguments]) == 0

    @pytest.mark.parametrize("suffix", [".prz", ".h5"])
    def test_more_than_may_be_taken(self, tmp_path, capsys, suffix):
        path = tmp_path / f"scan_master{suffix}"
        if suffix == ".h5":
            arina(path, 16, "u2")
        else:
            save(path)
        with pytest.raises(MemoryError, match=r"only as a whole.* 1.00 kiB .*`max_memory`"):
            load_scan(path, max_memory=1024)
        assert main(["run", str(path), "--memory", "1 kiB"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "`--memory`" in error
        assert load_scan(path, max_memory="1 MB", print_info=False).data.size


def arina(path, n, dtype):
    """Write a file of Dectris' Arina, of two parts beside it, with counts that need the dtype."""
    data = counts((n, 10, 10)).astype(dtype)
    data[0, 0, 0] = np.iinfo(dtype).max
    with h5py.File(path, "w") as master:
        for i, part in enumerate(np.array_split(data, 2)):
            name = f"{path.stem}_data_{i:06}.h5"
            with h5py.File(path.with_name(name), "w") as file:
                file.create_dataset("entry/data/data", data=part, compression="gzip")
            link = h5py.ExternalLink(name, "entry/data/data")
            master.require_group("entry/data")[f"data_{i:06}"] = link
    return data


class TestReaders:
    def test_of_several_the_one_that_opens_it(self, tmp_path):
        write_emd(tmp_path / "scan.h5", ("Rx", "Ry", "Qx", "Qy"), ("nm", "nm", "A^-1", "A^-1"))
        s, (found, said) = open_scan(tmp_path / "scan.h5")
        np.testing.assert_array_equal(s.data, counts(SHAPE))
        assert "read as EMD" in found
        assert "the last two (9 × 8) are taken for the detector's, the others (4 × 3)" in said
        assert [str(a.units) for a in s.axes_manager._axes][2:] == ["1 / Å"] * 2

    def test_named_reader(self, tmp_path):
        write_emd(tmp_path / "scan.h5")
        for name in ("EMD", "emd", "Electron Microscopy Data"):
            assert load_scan(tmp_path / "scan.h5", reader=name, print_info=False).data.size
        with pytest.raises(NotAScanError, match=r"Arina: .*entry"):
            load_scan(tmp_path / "scan.h5", reader="Arina")

    def test_suffix_of_another_kind(self, tmp_path):
        shutil.copy(save(tmp_path / "scan.hspy"), tmp_path / "scan.dat")
        for reader in (None, "HSPY"):
            s = load_scan(tmp_path / "scan.dat", reader=reader, print_info=False)
            np.testing.assert_array_equal(s.data, counts(SHAPE))

    def test_no_such_reader(self, tmp_path, capsys):
        path = save(tmp_path / "scan.hspy")
        with pytest.raises(ValueError, match=r"`reader` must be one of .*EMD.*; got 'EDM'"):
            load_scan(path, reader="EDM")
        assert main(["run", str(path), "--reader", "EDM"]) == 2
        assert "`--reader` must be one of" in capsys.readouterr().err

    def test_a_reader_that_asks_for_all_memory(self, tmp_path, monkeypatch):
        """As one that takes text for the header of an image."""
        from hs_nmfcluster.io import readers

        def load(names, *, lazy, file_format):
            if file_format == "Tofwerk":
                raise MemoryError("Unable to allocate 33.6 PiB")
            return original(names, lazy=lazy, file_format=file_format)

        original = readers.load
        monkeypatch.setattr(readers, "load", load)
        write_emd(tmp_path / "scan.h5")
        assert load_scan(tmp_path / "scan.h5", print_info=False).data.size

    def test_reasons_are_shown(self, tmp_path):
        (tmp_path / "scan.h5").write_text("no HDF5")
        with pytest.raises(NotAScanError) as refused:
            load_scan(tmp_path / "scan.h5")
        for reader in ("Tofwerk: ", "Delmic: ", "Arina: ", "USID: "):
            assert reader in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_a_reader_whose_package_is_missing(self, tmp_path):
        (tmp_path / "scan.mrcz").write_bytes(bytes(2000))
        with pytest.raises(NotAScanError, match=r"MRCZ: No module named 'mrcz'"):
            load_scan(tmp_path / "scan.mrcz")

    def test_of_several_signals_the_scan(self, real_data):
        """In Python `hs.load` gives a list of them."""
        path = real_data / "topspin_test_B.app5"
        assert isinstance(hs.load(path, lazy=True), list)
        s = load_scan(path, print_info=False)
        assert s.axes_manager.navigation_shape == (7, 3)
        assert type(s).__name__ == "LazyNMFDiffraction2D"

    def test_says_what_it_took(self, tmp_path, capsys):
        load_scan(save(tmp_path / "scan.hspy"))
        assert "scan.hspy: scan of 4 × 3 positions" in capsys.readouterr().out
        load_scan(tmp_path / "scan.hspy", print_info=False)
        assert capsys.readouterr().out == ""

    def test_is_public(self):
        assert "load_scan" in hs_nmfcluster.__all__


def write_emd(path, names=("",) * 4, units=("",) * 4):
    """Write what py4DSTEM writes."""
    data = counts(SHAPE).astype("f4")
    with h5py.File(path, "w") as file:
        file.attrs.update({"emd_group_type": "file", "version_major": 1, "version_minor": 0})
        group = file.create_group("root/datacube")
        group.attrs.update({"emd_group_type": "array", "python_class": "DataCube"})
        group.create_dataset("data", data=data)
        for i, (name, unit) in enumerate(zip(names, units, strict=True)):
            dim = group.create_dataset(f"dim{i}", data=0.5 * np.arange(data.shape[i]))
            dim.attrs.update({"name": name or f"dim{i}", "units": unit})


def all_signal(shape, lazy=False, names=(), units=()):
    """Signal without scan axes, as some readers make it."""
    data = np.arange(np.prod(shape)).reshape(shape)
    axes = [{"size": n, "navigate": False} for n in shape]
    for axis, name in zip(axes, names, strict=False):
        axis["name"] = name
    for axis, unit in zip(axes, units, strict=False):
        axis["units"] = unit
    s = hs.signals.BaseSignal(data, axes=axes)
    return s.as_lazy() if lazy else s


class TestAxes:
    @pytest.mark.parametrize("lazy", [True, False])
    @pytest.mark.parametrize(
        ("shape", "names", "expected"),
        [
            ((2, 3, 4, 5), (), (2, 3, 4, 5)),
            ((2, 3, 4, 5, 6), (), (2, 3, 4, 5, 6)),
            ((2, 3, 1, 5, 6), (), (2, 3, 5, 6)),
            ((1, 3, 5, 6), (), (1, 3, 5, 6)),
            ((5, 4, 3, 2), ("Qx", "Qy", "Rx", "Ry"), (2, 3, 4, 5)),
            ((5, 4, 1, 3, 2), ("detX", "detY", "colour", "scanX", "scanY"), (2, 3, 4, 5)),
            ((5, 4, 3, 2), ("x", "y", "kx", "ky"), (5, 4, 3, 2)),
        ],
    )
    def test_last_two_are_the_detectors(self, lazy, shape, names, expected):
        s = all_signal(shape, lazy, names)
        found, said = with_scan_axes(s)
        assert found.data.shape == expected
        assert found.axes_manager.signal_dimension == 2
        assert found._lazy == lazy
        assert isinstance(found.data, da.Array) == lazy
        assert f"{expected[-1]} × {expected[-2]}" in said
        values = np.asarray(s.data)
        reverse = names[:1] in (("Qx",), ("detX",))
        values = values.T if reverse else values
        np.testing.assert_array_equal(found.data, values.reshape(expected))

    @pytest.mark.parametrize("units", [("1/nm", "1/nm", "nm", "nm"), ("mrad", "mrad", "", "")])
    def test_units_tell_too(self, units):
        found, _ = with_scan_axes(all_signal((5, 4, 3, 2), units=units))
        assert found.data.shape == (2, 3, 4, 5)

    def test_what_has_a_scan_stays(self):
        s = hs.signals.Signal2D(np.ones((2, 3, 4, 5)))
        assert with_scan_axes(s) == (s, "")

    def test_a_volume_is_no_scan_unless_it_has_a_shape(self, tmp_path):
        np.save(tmp_path / "series.npy", counts((12, 8, 9)))
        with pytest.raises(NotAScanError, match=r"signal dimension is 3.* give its `scan_shape`"):
            load_scan(tmp_path / "series.npy")
        s = load_scan(tmp_path / "series.npy", scan_shape=(4, 3), print_info=False)
        np.testing.assert_array_equal(s.data, counts((12, 8, 9)).reshape(3, 4, 8, 9))

    def test_a_line_of_which_the_reader_drops_an_axis(self, tmp_path):
        np.save(tmp_path / "line.npy", counts((1, 6, 8, 9)))
        s = load_scan(tmp_path / "line.npy", scan_shape=(6, 1), print_info=False)
        np.testing.assert_array_equal(s.data, counts((1, 6, 8, 9)))

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", [".npy", ".h5"])
    @pytest.mark.usefixtures("no_figures")
    def test_command_line(self, tmp_path, capsys, suffix):
        path = tmp_path / f"scan{suffix}"
        write_emd(path) if suffix == ".h5" else np.save(path, counts(SHAPE))
        arguments = ["-o", str(tmp_path / "out"), "-k", "2", "--restarts", "1"]
        assert main(["run", str(path), *arguments]) == 0
        assert "the last two (9 × 8) are taken for the detector's" in capsys.readouterr().out


class TestSwapped:
    @pytest.fixture
    def path(self, tmp_path):
        """A scan of 4 × 3 positions that was written the other way round."""
        data = counts(SHAPE).transpose(2, 3, 0, 1)
        return save(tmp_path / "scan.hspy", data, navigation="1/nm", signal="nm")

    def test_is_said(self, path, capsys):
        load_scan(path)
        assert "as if the two were swapped; `transpose` swaps them" in capsys.readouterr().out
        assert main(["run", str(path), "-k", "1", "-o", str(path.parent / "out")]) == 0
        assert "`--transpose` swaps them" in capsys.readouterr().out

    @pytest.mark.parametrize("lazy", [True, False])
    @pytest.mark.usefixtures("no_figures")
    def test_transpose(self, path, lazy, capsys):
        s = load_scan(path, transpose=True)
        assert "Caution" not in capsys.readouterr().out
        np.testing.assert_array_equal(s.data, counts(SHAPE))
        assert [str(a.units) for a in s.axes_manager._axes] == ["nm", "nm", "1/nm", "1/nm"]
        assert not is_swapped(s)
        arguments = ["-q", "-k", "1", "-o", str(path.parent / "out"), "--transpose"]
        assert main(["run", str(path), *arguments]) == 0
        nmf = hs_nmfcluster.load(path.parent / "out" / "factorization.hspy")
        assert nmf.maps.data.shape == (1, 3, 4)

    @pytest.mark.parametrize(
        ("navigation", "signal"), [("nm", "1/nm"), ("nm", "mrad"), ("", ""), ("nm", "cm")]
    )
    def test_not_where_units_do_not_tell(self, tmp_path, navigation, signal, capsys):
        load_scan(save(tmp_path / "scan.hspy", navigation=navigation, signal=signal))
        assert "Caution" not in capsys.readouterr().out

    def test_of_a_series(self, tmp_path):
        path = save(tmp_path / "scan.hspy", counts((12, 8, 9)))
        with pytest.raises(ValueError, match="`transpose` swaps two axes"):
            load_scan(path, transpose=True)


class TestFrames:
    """Frames that belong to no position: before the first, after each line."""

    @pytest.mark.parametrize("lazy", [True, False])
    @pytest.mark.parametrize("skip", [0, 3])
    @pytest.mark.parametrize("flyback", [0, 2])
    @pytest.mark.parametrize("at_the_end", [-1, 0, 4])
    def test_are_left_out(self, tmp_path, lazy, skip, flyback, at_the_end):
        n_x, n_y = 5, 3
        scan = counts((n_y, n_x, 8, 9))
        lines = np.concatenate([scan, np.full((n_y, flyback, 8, 9), 999)], axis=1)
        frames = [np.full((skip, 8, 9), 999), lines.reshape(-1, 8, 9)]
        frames += [np.full((max(at_the_end, 0), 8, 9), 999)]
        series = np.concatenate(frames)
        if at_the_end < 0 and flyback:
            series = series[:-flyback]
        path = save(tmp_path / f"series{'.hspy' if lazy else '.prz'}", series.astype("u2"))
        arguments = {"scan_shape": (n_x, n_y), "skip_frames": skip, "flyback": flyback}
        if at_the_end > 0 and not skip + flyback:
            with pytest.raises(ValueError, match=r"`skip_frames` leaves out .* `flyback`"):
                load_scan(path, **arguments)
            return
        s = load_scan(path, **arguments, print_info=False)
        assert s._lazy == lazy
        np.testing.assert_array_equal(s.data, scan)

    @pytest.mark.usefixtures("no_figures")
    def test_command_line(self, tmp_path):
        series = np.concatenate([np.zeros((1, 12, 12)), counts((20, 12, 12))]).astype("u2")
        path = save(tmp_path / "series.hspy", series)
        arguments = ["--scan-shape", "4", "4", "--skip-frames", "1", "--flyback", "1"]
        folder = ["-o", str(tmp_path / "out"), "-q", "-k", "1"]
        assert main(["run", str(path), *arguments, *folder]) == 0
        nmf = hs_nmfcluster.load(tmp_path / "out" / "factorization.hspy")
        assert nmf.maps.data.shape == (1, 4, 4)

    def test_skipped_frames_of_a_series(self, tmp_path):
        path = save(tmp_path / "series.hspy", counts((12, 8, 9)))
        s = load_scan(path, skip_frames=2, print_info=False)
        np.testing.assert_array_equal(s.data, counts((12, 8, 9))[2:])

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"skip_frames": -1}, "skip_frames"),
            ({"skip_frames": 1.5}, "skip_frames"),
            ({"skip_frames": 12}, "skip_frames"),
            ({"flyback": 1}, "flyback"),
            ({"scan_shape": (4, 3), "flyback": True}, "flyback"),
            ({"scan_shape": (4, 4)}, "scan_shape"),
            ({"scan_shape": (0, 12)}, "scan_shape"),
        ],
    )
    def test_refused(self, tmp_path, arguments, name):
        path = save(tmp_path / "series.hspy", counts((12, 8, 9)))
        with pytest.raises((TypeError, ValueError), match=f"`{name}`"):
            load_scan(path, **arguments)
