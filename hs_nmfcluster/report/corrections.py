"""What was found wrong with a scan and corrected before it was analysed."""

from hs_nmfcluster.report.caution import Caution
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.scan.corrections import in_words


def corrections(findings: Findings) -> list[Caution]:
    """Collect what was left out or put right.

    Parameters
    ----------
    findings
        What is known about the analysis.
    """
    nmf = findings.factorization
    if nmf is None:
        return []
    found = []
    put_right = nmf.settings.get("corrections")
    if put_right:
        found.append(Caution("Put right while reading", f"{in_words(put_right)}."))
    shape = nmf.settings.get("data_shape")
    kept = nmf.settings.get("positions_kept")
    if shape is not None and kept is not None:
        left_out = 1
        for n in shape[:-2]:
            left_out *= int(n)
        left_out -= int(kept)
        if left_out > 0:
            found.append(
                Caution(
                    "Positions left out",
                    f"{left_out} of {left_out + int(kept)} positions were masked: they hold no "
                    "part of any map.",
                )
            )
    return found
