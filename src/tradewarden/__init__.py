"""tradewarden: the warden of a trading desk."""

__version__ = "0.1.0"
