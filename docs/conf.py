"""How Sphinx makes a site of these pages: `make docs`."""

from snakemake_executor_plugin_batchx.version import __version__

project = "batchx"
author = "The batchx authors"
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
# What intro.md says, index.md includes: the plugin catalog reads it as a page of its own.
exclude_patterns = ["intro.md"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Pages are read on GitHub, too, where a rule of Snakemake or a command is a plain block.
highlight_language = "none"
nitpicky = True
# A Snakefile in a shell's here document is more than Pygments can read; it is shown all the same.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = "batchx"
html_copy_source = False
html_show_sourcelink = False
