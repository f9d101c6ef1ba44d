"""The version, told once: the build, the job specs and `batchx --version` read it here."""

__version__ = "0.1.0.dev0"
