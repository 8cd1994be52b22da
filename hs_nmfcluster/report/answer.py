"""What was found and how surely, in a line."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hs_nmfcluster.report.subject import Groups, Sizes
from hs_nmfcluster.words import counted, group_name, joined, with_error


def answer(groups: Groups, sizes: Sizes | None = None) -> str:
    """Say in one line what was found.

    Parameters
    ----------
    groups
        The groups.
    sizes
        Their particles.
    """
    seen, unseen = _seen(groups, sizes)
    crystals = seen or unseen
    noun = "family of crystals" if len(crystals) == 1 else "families of crystals"
    found = f"{len(crystals)} {noun}" if crystals else "No crystals"
    if crystals and sizes is not None:
        found += f" ({_particles(sizes, crystals)})"
    if groups.matrix:
        found += ", matrix" if crystals else ": matrix only"
    parts = [found, _certainty(groups)]
    if seen and unseen:
        names = joined([group_name(group) for group in unseen])
        parts.append(f"not counted, as without particles: {names}")
    unsure = unsure_components(groups)
    if unsure:
        names = joined([str(component) for component in unsure])
        parts.append(f"not sure about: {'component' if len(unsure) == 1 else 'components'} {names}")
    return "; ".join(part for part in parts if part)


def _seen(groups: Groups, sizes: Sizes | None) -> tuple[list[int], list[int]]:
    """Part groups of crystals from single components in which no particle is seen.

    Those are rims of crystals, mostly. Grains that fill the scan are no particles either, but are
    many.
    """
    crystals = [group for group in range(len(groups)) if group not in groups.matrix]
    if sizes is None:
        return crystals, []
    members = list(groups)
    seen = [g for g in crystals if len(members[g]) > 1 or len(sizes[g].particles)]
    return seen, [group for group in crystals if group not in seen]


def unsure_components(groups: Groups) -> list[int]:
    """Components that may be no crystals, or crystals of another group, in rising order."""
    unsure = set(groups.tree.uncertain.tolist())
    unsure |= set(np.flatnonzero(groups.tree.compounds.double).tolist())
    if is_suggested(groups):
        unsure |= set(groups.tree.suggest_cut().border)
    return sorted(unsure)


def is_suggested(groups: Groups) -> bool:
    """Whether groups are those of the suggested cut."""
    suggested = groups.tree.suggest_cut()
    return bool(np.array_equal(groups.kept, groups.tree.thresholds <= suggested.distance))


def _certainty(groups: Groups) -> str:
    if not is_suggested(groups):
        return "cut by hand"
    if not groups.tree.crystalline.any():
        return ""
    return "cut clear" if groups.tree.suggest_cut().clear else "cut not clear"


def _particles(sizes: Sizes, groups: list[int]) -> str:
    number = sum(len(sizes[group].particles) for group in groups)
    diameters = np.concatenate([sizes[group].diameters for group in groups])
    text = counted(number, "particle")
    if diameters.size < 2:
        return text
    # Alike particles do not make their mean better known than the fits are.
    known = [sizes[group].mean[1] for group in groups]
    error = max(diameters.std(ddof=1) / np.sqrt(diameters.size), np.nanmean(known))
    return f"{text}, {with_error(diameters.mean(), error)} {sizes.units}"


def of_group(groups: Groups, sizes: Sizes | None, group: int) -> str:
    """Say in one line what a group is, and how far from others.

    Parameters
    ----------
    groups
        The groups.
    sizes
        Their particles.
    group
        Number of the group.
    """
    members = groups[group].components
    listed = joined([str(int(member)) for member in members])
    parts = [f"{counted(len(members), 'component')} ({listed})"]
    if group in groups.matrix:
        return f"matrix, {parts[0]}"
    crystals = members[groups.tree.hosts[members] < 0]
    if len(crystals) < len(members):
        parts.append(f"{counted(len(members) - len(crystals), 'part')} of the same crystals")
    least, most = groups.membership.limits[group]
    if least < most or most > len(crystals):
        parts.append(f"{number_of_kind(groups, group)} of this kind")
    parts += _distances(groups, crystals)
    if sizes is not None:
        parts.append(sizes.describe(group))
    return ", ".join(parts)


def number_of_kind(groups: Groups, group: int) -> str:
    """Say how many crystals there are of a group's kind, at least and at most; "" if unknown."""
    limits = groups.membership.limits[group]
    if np.isnan(limits).any():
        return ""
    least, most = (f"{limit:.0f}" for limit in limits)
    return least if least == most else f"{least} to {most}"


def _distances(groups: Groups, crystals: NDArray[np.intp]) -> Iterator[str]:
    """Say how far the crystals of a group lie from each other, and from those of others."""
    found = groups.separation
    known = crystals[np.isfinite(found.own[crystals])]
    if not known.size:
        return
    if len(crystals) > 1:
        yield f"{found.own[known].mean():.2f} from each other"
    nearest = found.nearest[known].mean()
    if np.isfinite(nearest):
        names, counts = np.unique(found.neighbour[known], return_counts=True)
        yield f"{nearest:.2f} from {group_name(int(names[counts.argmax()]))}"
