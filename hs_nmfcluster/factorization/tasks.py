"""What is done on a block of rows in a pass: every task of the factorization.

A task is called as ``task(rows, positions, *shared)`` and knows nothing of where it runs nor of
other blocks; what tasks return is put together by :func:`~hs_nmfcluster.engine.merging.merge`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.engine.matrix import pieces
from hs_nmfcluster.engine.merging import Gathered, fold
from hs_nmfcluster.engine.products import times
from hs_nmfcluster.engine.random_numbers import uniform
from hs_nmfcluster.factorization.runs import RunSums, Stack
from hs_nmfcluster.factorization.updates import Solver
from hs_nmfcluster.factorization.weighting import weigh
from hs_nmfcluster.scan.local_maps import LocalMaps

Matrix = NDArray[np.float64]

# Pieces of rows whose maps are solved for together: a sweep makes a call for each component,
# which takes as long for few rows as for many.
SOLVED_TOGETHER = 4
# Below this share of ‖x‖² a residual from products has lost more than a billionth of itself to
# cancellation: the products are exact to some 1e-15 of ‖x‖².
_CANCELS = 1e-6


def start_sums(
    rows: NDArray, positions: NDArray[np.int64], seed: int, restarts: int, k: int
) -> tuple[float, list[RunSums]]:
    """Sum ‖X‖² and, of each restart, what its first S follows from: random maps (step 2)."""

    def of_piece(x: NDArray, where: NDArray[np.int64]) -> tuple[float, list[RunSums]]:
        maps = [uniform(seed, stream, where, k).T for stream in range(restarts)]
        return _square(x), _sums_of(x, maps, [0.0] * restarts)

    return fold(of_piece(*piece) for piece in pieces(rows, positions))


def iteration_sums(
    rows: NDArray, positions: NDArray[np.int64], stack: Stack, solver: Solver
) -> tuple[float, list[RunSums]]:
    """Solve for rows of C, and sum ‖X‖² and what the next S and the MSE of each run follow from."""
    return fold(
        (_square(x), _sums_of(x, *_solve_maps(stack.times(x), stack, solver)))
        for x, _ in pieces(rows, positions, larger=SOLVED_TOGETHER)
    )


def evaluation_sums(
    rows: NDArray, positions: NDArray[np.int64], stack: Stack, solver: Solver
) -> tuple[float, list[tuple[float, NDArray[np.float64]]]]:
    """Solve for rows of C, and sum ‖X‖² and what the MSE of each run follows from."""
    square, products = 0.0, []
    for x, _ in pieces(rows, positions, larger=SOLVED_TOGETHER):
        square += _square(x)
        products.append(stack.times(x))
    # The products of all pieces are small: solving for their maps at once takes fewer calls.
    maps, overlaps = _solve_maps(np.concatenate(products, axis=1), stack, solver)
    return square, [(overlap, c @ c.T) for overlap, c in zip(overlaps, maps, strict=True)]


def _square(x: NDArray[np.float64]) -> float:
    return float(np.vdot(x, x))


def _solve_maps(
    products: NDArray[Any], stack: Stack, solver: Solver
) -> tuple[list[NDArray[Any]], list[float]]:
    """Cᵀ ``(k, n)`` and ⟨X Sᵀ, C⟩ of every run, from the products S Xᵀ of all, ``(K, n)``."""
    # Runs of the same number of components in the same calls, of which a sweep makes many.
    of_runs = np.split(products, stack.edges)
    maps: list[NDArray[Any]] = []
    for _, together in groupby(zip(of_runs, stack.grams, strict=True), lambda pair: len(pair[0])):
        targets, grams = zip(*together, strict=True)
        maps += list(solver.solve(np.array(targets), np.array(grams)))
    overlaps = [float(np.vdot(p, c)) for p, c in zip(of_runs, maps, strict=True)]
    return maps, overlaps


def _sums_of(
    x: NDArray[Any], maps: Sequence[NDArray[Any]], overlaps: Sequence[float]
) -> list[RunSums]:
    edges = np.cumsum([len(c) for c in maps])[:-1]
    projections = np.split(np.concatenate(maps) @ x, edges)
    return [
        RunSums(p, c @ c.T, overlap)
        for p, c, overlap in zip(projections, maps, overlaps, strict=True)
    ]


def gram_applied(
    rows: NDArray, positions: NDArray[np.int64], vectors: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """‖X‖² and (XᵀX V)ᵀ of some vectors ``(n_pixels, width)``, for some rows of X."""
    square, image = 0.0, np.zeros(vectors.shape[::-1])
    projected = np.empty_like(image)
    for x, _ in pieces(rows, positions):
        square += float(np.vdot(x, x))
        # In this order BLAS takes two thirds of the time that Xᵀ (X V) takes.
        image += np.matmul(times(x, vectors).T, x, out=projected)
    return square, image


# Draws some positions by their scores, each by itself; gives the chance of each too.
Drawing = Callable[[Matrix, NDArray[np.int64]], tuple[NDArray[np.bool_], Matrix]]


def scores_and_gram(
    rows: NDArray, positions: NDArray[np.int64], vectors: Matrix, drawing: Drawing | None
) -> tuple[Matrix, Gathered]:
    """Gram matrix of the scores of some positions, and those that are kept with their positions."""
    scores = np.concatenate([times(x, vectors) for x, _ in pieces(rows, positions)])
    gram = scores.T @ scores
    if drawing is None:
        return gram, Gathered([(positions, scores)])
    drawn, chance = drawing(scores, positions)
    weighted = scores[drawn] / np.sqrt(chance[drawn])[:, None]
    return gram, Gathered([(positions[drawn], weighted)])


def products_and_squares(rows: NDArray, positions: NDArray[np.int64], stack: Stack) -> Matrix:
    """Compute rows of X Sᵀ and, in a last column, ‖x‖²."""
    parts = [
        np.column_stack([stack.times(x).T, np.einsum("ij,ij->i", x, x)])
        for x, _ in pieces(rows, positions)
    ]
    return np.concatenate(parts)


def projections(
    rows: NDArray, positions: NDArray[np.int64], maps: Matrix, kept: NDArray[np.int64]
) -> Matrix:
    """Sum Cᵀ X, of maps that were solved for whole."""
    parts = (maps[:, np.searchsorted(kept, where)] @ x for x, where in pieces(rows, positions))
    return fold(parts)


def maps_and_residual(
    rows: NDArray, positions: NDArray[np.int64], stack: Stack, solver: Solver
) -> NDArray[np.float64]:
    """Rows of C and, in a last column, the squared residual of each position."""
    found = products_and_squares(rows, positions, stack)
    products, squares = np.ascontiguousarray(found[:, :-1].T), found[:, -1]
    maps = solver.solve(products, stack.grams[0])
    residual = squared_residual(maps, products, stack.grams[0], squares)
    if cancelled(residual, squares).any():
        residual = residual_of_rows(rows, positions, maps, stack.patterns)
    return np.column_stack([maps.T, residual])


def weighted_maps_and_residual(
    rows: NDArray,
    positions: NDArray[np.int64],
    stack: Stack,
    solver: Solver,
    pixels: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Do as :func:`maps_and_residual` by weighted data, and add squared norms as a last column.

    Parameters
    ----------
    rows, positions
        Of the data as they are, which maps and residual are of too.
    stack
        Patterns of the weighted data.
    solver
        The update rule.
    pixels
        Their weights, see `factorization.weighting`.
    """
    products, scales, squares = [], [], []
    for x, _ in pieces(rows, positions):
        squares.append(np.einsum("ij,ij->i", x, x))
        scales.append(weigh(x, pixels))
        products.append(stack.times(x))
    patterns = stack.patterns * pixels
    norms = np.linalg.norm(patterns, axis=1, keepdims=True)
    maps = solver.solve(np.concatenate(products, axis=1), stack.grams[0])
    maps = maps * norms * np.concatenate(scales)
    residual = residual_of_rows(rows, positions, maps, patterns / np.where(norms > 0, norms, 1))
    return np.column_stack([maps.T, residual, np.concatenate(squares)])


def residual_of_whole_maps(
    rows: NDArray,
    positions: NDArray[np.int64],
    maps: NDArray[np.float64],
    patterns: NDArray[np.float64],
    kept: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Compute the squared residual of each position, of maps that were solved for whole."""
    return residual_of_rows(rows, positions, maps[:, np.searchsorted(kept, positions)], patterns)


def squared_residual(maps: Matrix, products: Matrix, gram: Matrix, squares: Matrix) -> Matrix:
    """Compute ‖x − Sᵀ c‖² of each position from Cᵀ, S Xᵀ, S Sᵀ and ‖x‖²."""
    residual = squares + np.einsum("kn,kn->n", maps, gram @ maps - 2 * products)
    return np.maximum(residual, 0.0)


def residual_of_rows(
    rows: NDArray, positions: NDArray[np.int64], maps: Matrix, patterns: NDArray[np.floating]
) -> Matrix:
    """Compute ‖x − Sᵀ c‖² of each position from the residual itself.

    Parameters
    ----------
    rows, positions
        As every task gets them.
    maps
        Cᵀ of these positions, ``(k, n)``.
    patterns
        S, ``(k, n_pixels)``.
    """
    found, start = np.empty(maps.shape[1]), 0
    for x, _ in pieces(rows, positions):
        here = slice(start, start + len(x))
        left = x - maps[:, here].T @ patterns
        found[here] = np.einsum("ij,ij->i", left, left)
        start = here.stop
    return found


def cancelled(residual: Matrix, squares: Matrix) -> NDArray[np.bool_]:
    """Positions described so well that :func:`squared_residual` is rounding more than residual."""
    return residual < _CANCELS * squares


@dataclass(frozen=True)
class ResidualSums:
    """Sums of X − C S over positions, one number a kept pixel, ``(n_pixels,)`` each.

    Parameters
    ----------
    total, square
        Of the residual and of its square.
    worst
        Of the residual at the positions that are described worst.
    data_square
        Of the squared data, over all pixels: tells one scan from another.
    """

    total: NDArray[np.float64]
    square: NDArray[np.float64]
    worst: NDArray[np.float64]
    data_square: float


def left_over(
    rows: NDArray,
    positions: NDArray[np.int64],
    maps: NDArray[np.floating] | LocalMaps,
    patterns: NDArray[np.floating],
    worst: NDArray[np.bool_],
) -> ResidualSums:
    """Sum the residual over some positions."""

    def model(where: NDArray[np.int64]) -> NDArray[np.floating]:
        if isinstance(maps, LocalMaps):
            there, values = maps.at(where)
            return values @ patterns[there]
        return maps[where] @ patterns

    def sums(x: NDArray[np.float64], where: NDArray[np.int64]) -> ResidualSums:
        left = x - model(where)
        return ResidualSums(
            left.sum(axis=0), (left**2).sum(axis=0), left[worst[where]].sum(axis=0), _square(x)
        )

    return fold(sums(*piece) for piece in pieces(rows, positions))
