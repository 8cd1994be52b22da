"""One pass over the data that advances any number of runs, and the loop around it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.job import Job, check_unchanged
from hs_nmfcluster.engine.matrix import ScanMatrix
from hs_nmfcluster.engine.random_numbers import uniform
from hs_nmfcluster.factorization import tasks
from hs_nmfcluster.factorization.constraints import FREE, Constraints
from hs_nmfcluster.factorization.rounding import rounding_of
from hs_nmfcluster.factorization.runs import Run, RunSums, Stack
from hs_nmfcluster.factorization.settings import Settings
from hs_nmfcluster.factorization.updates import Solver, normalise
from hs_nmfcluster.factorization.whole_maps import batches, project, whole_maps

# A guess for the progress bar, until there is something to go by.
_USUAL_ITERATIONS = 10
# Share of the change before to which a change has to have shrunk for a guess.
_SHRINKING = 0.95


def random_runs(
    matrix: ScanMatrix, n_components: int, solver: Solver, settings: Settings, job: Job
) -> tuple[list[Run], float]:
    """Start from maps of uniform random numbers (steps 2 to 4 of the paper), in one pass.

    Returns
    -------
    list of Run, float
        The runs, and ‖X‖².
    """

    def start() -> tuple[list[Run], float]:
        square, sums = job.visit(
            matrix, tasks.start_sums, settings.seed, settings.restarts, n_components
        )
        patterns = [normalise(solver.solve(s.projections, s.map_gram)) for s in sums]
        runs = [Run(S, stream) for stream, S in enumerate(patterns)]
        for run in runs:
            _reseed(run, settings.seed)
        return runs, square

    return job.once("start", start)


def iterate(
    matrix: ScanMatrix,
    runs: Sequence[Run],
    square: float,
    solver: Solver,
    settings: Settings,
    job: Job,
) -> None:
    """Advance all runs together, a pass over the data an iteration, until all have converged.

    With S fixed, a row of C depends on its own row of X alone. So one visit of a block gives its
    rows of C and adds them to the sums CᵀX and CᵀC from which the next S follows, and to
    ⟨X Sᵀ, C⟩, which with ‖X‖² gives the exact MSE. Runs that have converged leave.

    Parameters
    ----------
    matrix
        The scan.
    runs
        Changed in place; of any numbers of components.
    square
        ‖X‖².
    solver
        The update rule.
    settings
        When a run has converged, and under which constraints.
    job
        Makes the passes. Where it was told to return what there is, Ctrl-C ends the iteration.
    """
    constraints, most = settings.constraints, settings.max_iterations
    rounding = rounding_of(square / matrix.size)
    constrained = constraints is not FREE
    done = _resume(runs, job)
    for iteration in range(done + 1, most + 1):
        live = [run for run in runs if not run.converged]
        if not live:
            break
        left = min(_iterations_left(live, settings.tolerance, solver.calm), most - iteration + 1)
        job.expect(left * (1 if constraints.maps is None else 2) + 1)
        stack = Stack.of([run.patterns for run in live])
        try:
            found, sums = _sums(matrix, stack, solver, constraints, job)
        except KeyboardInterrupt:
            if job.on_interrupt == "raise":
                raise
            job.stopped = True
            break
        check_unchanged(found, square)
        for run, total in zip(live, sums, strict=True):
            mse = total.mse(run.patterns, square, matrix.size)
            run.record(mse, settings.tolerance, rounding, calm=solver.calm, constrained=constrained)
            if not run.converged and iteration < most:
                _advance(run, total, solver, settings)
        going = sum(not run.converged for run in live)
        job.say(f"MSE {min(run.best_mse for run in runs):.6g}, {going} runs left")
        job.keep("iteration", (iteration, list(runs)))


def _sums(
    matrix: ScanMatrix, stack: Stack, solver: Solver, constraints: Constraints, job: Job
) -> tuple[float, list[RunSums]]:
    """‖X‖², and the sums of every run."""
    if constraints.maps is None:
        return job.visit(matrix, tasks.iteration_sums, stack, solver)
    found = whole_maps(matrix, stack, solver, constraints.maps, job)
    projections = project(matrix, found.maps, job)
    grams = [maps @ maps.T for maps in found.maps]
    parts = zip(projections, grams, found.overlaps, strict=True)
    return float(found.squares.sum()), [RunSums(*of_run) for of_run in parts]


def _iterations_left(runs: Sequence[Run], tolerance: float, calm: int) -> int:
    """Guess how many iterations are left, from how the changes of the MSE shrink."""
    guesses = []
    for run in runs:
        changes = np.abs(np.diff(run.history[-3:]))
        if len(changes) < 2 or not 0 < changes[1] < _SHRINKING * changes[0]:
            return _USUAL_ITERATIONS
        missing = np.log(max(changes[1] / (tolerance * run.history[-1] or 1.0), 1.0))
        guesses.append(calm + int(missing / np.log(changes[0] / changes[1])))
    return max(guesses)


def _resume(runs: Sequence[Run], job: Job) -> int:
    """Put runs where a stopped job left them, and return the iterations that it had made."""
    iteration, stopped = job.recall("iteration") or (0, [])
    for run, state in zip(runs, stopped, strict=False):
        vars(run).update(vars(state))
    return int(iteration)


def evaluate(
    matrix: ScanMatrix,
    runs: Sequence[Run],
    square: float,
    solver: Solver,
    job: Job,
    constraints: Constraints = FREE,
) -> None:
    """Record the true MSE of all runs in one pass, without a step.

    Needs no sums of the size of the patterns, so hundreds of runs fit. Limited maps are whole
    ones: where those of all runs do not fit into memory, it takes more passes.
    """

    def evaluations() -> tuple[float, list[tuple[float, NDArray[np.float64]]]]:
        return _evaluations(matrix, runs, solver, constraints, job)

    found, sums = job.once("evaluation", evaluations)
    check_unchanged(found, square)
    for run, (overlap, map_gram) in zip(runs, sums, strict=True):
        nothing = np.empty((0, 0))
        total = RunSums(nothing, map_gram, overlap)
        run.record(total.mse(run.patterns, square, matrix.size), 0.0, 0.0)
    job.say("true MSE of all starts")


def _evaluations(
    matrix: ScanMatrix, runs: Sequence[Run], solver: Solver, constraints: Constraints, job: Job
) -> tuple[float, list[tuple[float, NDArray[np.float64]]]]:
    """‖X‖², and ⟨X Sᵀ, C⟩ and CᵀC of every run."""
    if constraints.maps is None:
        stack = Stack.of([run.patterns for run in runs])
        return job.visit(matrix, tasks.evaluation_sums, stack, solver)
    sums: list[tuple[float, NDArray[np.float64]]] = []
    square = 0.0
    for batch in batches(runs, matrix.n_positions):
        stack = Stack.of([run.patterns for run in batch])
        found = whole_maps(matrix, stack, solver, constraints.maps, job)
        grams = [maps @ maps.T for maps in found.maps]
        sums += zip(found.overlaps, grams, strict=True)
        square = float(found.squares.sum())
    return square, sums


def _advance(run: Run, sums: RunSums, solver: Solver, settings: Settings) -> None:
    """Take the next S from the sums, and see to components that have died."""
    # The maps scale as they please: least squares for S is from where S stands, unscaled.
    S = solver.solve(sums.projections, sums.map_gram, run.patterns)
    run.patterns = normalise(settings.constraints.fill(S))
    _reseed(run, settings.seed)


def _reseed(run: Run, seed: int) -> None:
    """Let a component that has died start again from a random pattern."""
    for component in np.flatnonzero(~run.patterns.any(axis=1)):
        # Streams of re-seeded components lie beyond those of the restarts.
        stream = (len(run.history) + 1) * 2**32 + run.stream * 2**16 + int(component)
        fresh = uniform(seed, stream, np.arange(run.patterns.shape[1]), 1)[:, 0]
        run.patterns[component] = fresh / np.linalg.norm(fresh)
