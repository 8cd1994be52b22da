"""Memory that there is, within limits of containers and job systems as Linux writes them."""

import pytest

from hs_nmfcluster.engine import memory

GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Folders in the place of ``/proc/self`` and ``/sys/fs/cgroup``."""
    process, groups = tmp_path / "self", tmp_path / "cgroup"
    process.mkdir()
    groups.mkdir()
    monkeypatch.setattr(memory, "_PROCESS", process)
    monkeypatch.setattr(memory, "_GROUPS", groups)

    class Machine:
        available = 64 * GIB

    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: Machine)
    return process, groups


def write(folder, limit="max", used=0, stat="", names=("max", "current")):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"memory.{names[0]}").write_text(f"{limit}\n")
    (folder / f"memory.{names[1]}").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(stat)


class TestControlGroups:
    def test_no_such_system(self, system):
        assert memory.free_memory() == 64 * GIB

    def test_root_group_of_a_container(self, system):
        process, groups = system
        (process / "cgroup").write_text("0::/\n")
        write(groups, 8 * GIB, 3 * GIB)
        assert memory.free_memory() == 5 * GIB

    def test_cached_files_are_free(self, system):
        """A container that has read six GiB of files still has them to give."""
        process, groups = system
        (process / "cgroup").write_text("0::/\n")
        stat = f"anon {GIB}\ninactive_file {6 * GIB}\nactive_file {GIB}\n"
        write(groups, 8 * GIB, int(7.5 * GIB), stat)
        assert memory.free_memory() == 6.5 * GIB

    @pytest.mark.parametrize("inner", ["max", 16 * GIB])
    def test_nested_groups_of_a_job_system(self, system, inner):
        """SLURM limits the job, not the step within it that the process is in."""
        process, groups = system
        (process / "cgroup").write_text("0::/system.slice/slurm/job_7/step_0\n")
        job = groups / "system.slice" / "slurm" / "job_7"
        write(job, 4 * GIB, GIB)
        write(job / "step_0", inner, GIB)
        write(groups / "system.slice", "max", 40 * GIB)
        assert memory.free_memory() == 3 * GIB

    def test_version_1(self, system):
        process, groups = system
        (process / "cgroup").write_text("5:cpu,cpuacct:/jobs\n4:memory:/jobs/7\n1:name=x:/\n")
        stat = f"total_inactive_file {GIB // 2}\n"
        names = ("limit_in_bytes", "usage_in_bytes")
        write(groups / "memory" / "jobs" / "7", 2 * GIB, GIB, stat, names)
        assert memory.free_memory() == 1.5 * GIB
