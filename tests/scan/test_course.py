"""Which courses of the beam are corrected unasked."""

import pytest

from hs_nmfcluster.scan.blocks import BlockLayout
from hs_nmfcluster.scan.condition.course import BeamCourse

LAYOUT = BlockLayout((4, 6), (32, 32))


@pytest.mark.parametrize(
    ("largest", "error", "worth"), [(3.0, 0.05, True), (0.4, 0.05, False), (11.6, 2.7, False)]
)
def test_what_matters_and_is_known(largest, error, worth):
    course = BeamCourse("plane", largest, error, largest / error, LAYOUT, 1)
    assert course.worth_correcting is worth
