"""Where the time goes: seconds of each stage of a factorization and of a rank study.

The stages follow each other in the main thread, where cProfile times them: wall time, with the
demo specimen (float32, default detector mask) in memory.

    python benchmarks/stages.py [--components 20] [--ranks 5 10 15 20 25 30] [--restarts 10]
        [--scan 58 58] [--detector 128 128] [--seed 0] [--threads 2] [--repeats 5]

Each method runs in processes of its own; medians of the repeats.
"""

import argparse
import cProfile
import pstats
from pathlib import Path
from statistics import median

import _common
from _common import Job

# Module and function of each stage, none of which calls another one but the indented ones.
_STAGES = {
    "preparing: centre, mask, survey": ("preparation.py", "prepare"),
    "compressing": ("compression.py", "compress"),
    "  of which products": ("krylov.py", "applied"),
    "  of which orthogonalisation": ("krylov.py", "_orthonormal"),
    "searching from all starts": ("exploration.py", "explore"),
    "true error of all starts": ("iteration.py", "evaluate"),
    "refining the best": ("descent.py", "refine"),
    "polishing": ("iteration.py", "iterate"),
    "result: maps, errors, stability": ("fit.py", "finish"),
    "stability modulo rotation": ("stability.py", "rotated_stability"),
}


def stages(job: Job) -> dict[str, float]:
    """Seconds of each stage, of the study if there are several ranks."""
    _common.load_libraries()
    signal = _common.read_signal(job.folder, lazy=False)
    settings = {
        "restarts": job.starts,
        "random_state": job.seed,
        "print_info": False,
        "show_progressbar": False,
    }
    profile = cProfile.Profile()
    with _common.quiet(), profile:
        if len(job.ranks) == 1:
            signal.decompose_als_nmf(job.ranks[0], **settings)
        else:
            signal.estimate_number_of_components(job.ranks, **settings)
    statistics = pstats.Stats(profile)
    took = dict.fromkeys(_STAGES, 0.0)
    for (file, _, function), (_, _, _, cumulative, _) in statistics.stats.items():
        for stage, place in _STAGES.items():
            if place == (Path(file).name, function):
                took[stage] += cumulative
    whole = sum(seconds for stage, seconds in took.items() if not stage.startswith(" "))
    total = statistics.total_tt
    return took | {"the rest": total - whole, "all": total}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--components", type=int, default=20)
    parser.add_argument("--ranks", type=int, nargs="+", default=(5, 10, 15, 20, 25, 30))
    parser.add_argument("--restarts", type=int, default=10)
    _common.add_repeats(parser)
    _common.add_arguments(parser)
    arguments = parser.parse_args()
    _common.use_threads(arguments.threads)
    with _common.written_scan(arguments) as folder:
        columns = [
            [
                _common.alone(stages, Job(folder, ranks, arguments.restarts, arguments.seed))
                for _ in range(arguments.repeats)
            ]
            for ranks in ((arguments.components,), tuple(arguments.ranks))
        ]
    print(
        f"{arguments.scan} × {arguments.detector}, best of {arguments.restarts} starts, "
        f"{arguments.threads} threads, seconds"
    )
    print(f"{'stage':<34}{f'k = {arguments.components}':>9}{f'{len(arguments.ranks)} ranks':>9}")
    for stage in columns[0][0]:
        medians = (median(turn[stage] for turn in turns) for turns in columns)
        print(f"{stage:<34}" + "".join(f"{seconds:>9.2f}" for seconds in medians))


if __name__ == "__main__":
    main()
