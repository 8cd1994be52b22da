"""Starts of the small problem, from its singular vectors."""

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.factorization.compression import SmallProblem
from hs_nmfcluster.factorization.updates import normalise

Matrix = NDArray[np.float64]

# Pixels that no electron hit have singular vectors of rounding, whose sign depends on the chunks.
_ROUNDING = 1e-10
# Vectors that a random start is turned among at the least, where there are as many.
_LEAST_ROTATED = 6
# Stream of random numbers of the start that is not random, apart from those of the restarts.
_SURPLUS = 2**50


def svd_start(problem: SmallProblem, n_components: int) -> Matrix:
    """Start from the leading singular vectors: NNDSVDa.

    Of each pair of singular vectors the positive or the negative parts are taken, whichever
    carry more; zeros are filled by the mean, so that they can grow (Boutsidis & Gallopoulos,
    Pattern Recognit. 41, 1350, 2008). Components beyond the rank of the data start as those of a
    random start do.

    Parameters
    ----------
    problem
        X ≈ B Q.
    n_components
        k.
    """
    left, right = _singular_vectors(problem, n_components)
    surplus = _turns(n_components - len(right), len(right) - 1, 0, _SURPLUS)
    return _nonnegative_parts(
        np.concatenate([left, surplus @ left[1:]]), np.concatenate([right, surplus @ right[1:]])
    )


def turned_start(problem: SmallProblem, n_components: int, seed: int, stream: int) -> Matrix:
    """Random start: the same from the singular vectors after a random rotation among them.

    The rotation leaves the first vector, which is all but the mean pattern. Such starts are as
    diverse as random numbers, and their Gram matrices are well conditioned, which starts that
    are mixtures of patterns are not: those took ten times the iterations to a larger MSE.

    Parameters
    ----------
    problem, n_components
        As in :func:`svd_start`.
    seed, stream
        Choose the rotation; one stream a restart.
    """
    # Of two vectors a rotation could only change the sign of one: it is among a few at least.
    left, right = _singular_vectors(problem, max(n_components, _LEAST_ROTATED))
    rotation = _turns(n_components - 1, len(right) - 1, seed, stream)
    return _nonnegative_parts(
        np.concatenate([left[:1], rotation @ left[1:]]),
        np.concatenate([right[:1], rotation @ right[1:]]),
    )


def _turns(number: int, dimension: int, seed: int, stream: int) -> Matrix:
    """Random unit vectors, orthogonal to each other up to as many as there are dimensions."""
    generator = np.random.default_rng([seed, stream])
    if not dimension:
        return np.zeros((number, 0))
    turns = [
        np.linalg.qr(generator.standard_normal((dimension, dimension)))[0]
        for _ in range(-(-number // dimension))
    ]
    return np.concatenate([np.zeros((0, dimension)), *turns])[:number]


def _singular_vectors(problem: SmallProblem, n_components: int) -> tuple[Matrix, Matrix]:
    scores = problem.scores[:, :n_components].T
    norms = np.linalg.norm(scores, axis=1, keepdims=True)
    left = np.divide(scores, norms, out=np.zeros_like(scores), where=norms > 0)
    return left, problem.basis[:n_components]


def _nonnegative_parts(left: Matrix, right: Matrix) -> Matrix:
    patterns = []
    for u, v in zip(left, right, strict=True):
        positive, negative = np.maximum(v, 0), np.maximum(-v, 0)
        weight = np.linalg.norm(np.maximum(u, 0)) * np.linalg.norm(positive)
        other = np.linalg.norm(np.maximum(-u, 0)) * np.linalg.norm(negative)
        patterns.append(positive if weight >= other else negative)
    stack = np.array(patterns)
    return normalise(np.where(stack > _ROUNDING * stack.max(), stack, stack.mean()))
