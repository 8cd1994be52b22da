"""Figures of very many groups, on several pages."""

from hs_nmfcluster.scan.arguments import check_whole_number

#: Groups, and components, of a page.
GROUPS, COMPONENTS = 12, 40


def n_pages(number: int, size: int) -> int:
    """Count the pages, at least one.

    Examples
    --------
    >>> n_pages(0, 12), n_pages(12, 12), n_pages(13, 12)
    (1, 1, 2)
    """
    return max(-(-number // size), 1)


def page_of(number: int, page: int, size: int) -> range:
    """Say what is on a page.

    Parameters
    ----------
    number
        How much there is.
    page
        From 1.
    size
        How much is on a page.

    Raises
    ------
    TypeError, ValueError
        If there is no such page.

    Examples
    --------
    >>> page_of(30, 3, 12)
    range(24, 30)
    """
    page = check_whole_number("page", page)
    pages = n_pages(number, size)
    if page > pages:
        raise ValueError(f"`page` must be 1 to {pages}, got {page}.")
    return range(size * (page - 1), min(size * page, number))
