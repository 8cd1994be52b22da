"""Settings of Sphinx. The build needs no network; with one, HS_NMFCLUSTER_INTERSPHINX=1 adds links
to the documentation of HyperSpy and others.
"""

import os
import sys
from pathlib import Path

import matplotlib

from hs_nmfcluster import __version__

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
matplotlib.use("agg")

project = "hs_nmfcluster"
author = "The hs_nmfcluster developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "short_types",
]
exclude_patterns = ["_build", "extensions", "gallery/*.ipynb", "gallery/*.py"]
default_role = "autolink"
html_math_renderer = "mathml"

autosummary_generate = False
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

if os.environ.get("HS_NMFCLUSTER_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "dask": ("https://docs.dask.org/en/stable", None),
        "hyperspy": ("https://hyperspy.org/hyperspy-doc/current", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
    }
# Every link of ours must lead somewhere. Those to others do only with intersphinx, and annotations
# that are imported for type checkers alone have short names.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(collections|dask|hyperspy|matplotlib|np|numpy|os|pandas|pathlib|scipy)\..*"),
    ("py:obj", r"\w+"),
    # The first part of a tuple of any length as the value of a field.
    ("py:class", r"tuple\[float"),
    # Type variables, and types of arguments that users do not make.
    (
        "py:class",
        r"\w+|hs_nmfcluster\.(plotting\.explorer\.G|results\.groups\.CutTree|results\.scans\.A"
        r"|clustering\.polar\.PolarPatterns|results\.tree_growth\.Grown|results\.group\._Whole"
        r"|bridge\.corrections\.HasCorrections|scan\.local_maps\.LocalMaps"
        r"|scan\.blocks\.BlockLayout)",
    ),
]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("hs_nmfcluster",),
    "ignore_repr_types": r"Figure|matplotlib",
    "reference_url": {"hs_nmfcluster": None},
    "matplotlib_animations": False,
    "min_reported_time": 60,
    "plot_gallery": "True",
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
}

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
# Readers and progress bars warn of what is not installed here.
nb_output_stderr = "remove"

html_theme = "pydata_sphinx_theme"
html_title = "hs_nmfcluster"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_theme_options = {
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
_WITHOUT_SIDEBAR = (
    "citing",
    "coming_from",
    "constraints",
    "contributing",
    "glossary",
    "index",
    "method",
    "performance",
    "start",
    "validation",
)
html_sidebars = {name: [] for name in _WITHOUT_SIDEBAR}
