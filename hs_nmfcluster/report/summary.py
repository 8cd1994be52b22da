"""The answer in words: what was found, how surely, and what to do about what is not sure."""

from hs_nmfcluster.report.answer import answer, of_group
from hs_nmfcluster.report.cautions import cautions
from hs_nmfcluster.report.findings import Findings
from hs_nmfcluster.words import group_name


def in_words(findings: Findings) -> str:
    """Say what was found: one line with the answer, one for each group, serious cautions.

    Parameters
    ----------
    findings
        What is known. Without groups there are cautions only.
    """
    lines = []
    groups = findings.groups
    if groups is not None:
        lines.append(answer(groups, findings.sizes))
        lines += [
            f"  {group_name(group)}: {of_group(groups, findings.sizes, group)}"
            for group in range(len(groups))
        ]
    lines += [
        f"! {caution.title}: {caution.text}" for caution in cautions(findings) if caution.serious
    ]
    return "\n".join(lines)
