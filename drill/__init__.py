"""drill rehearses the loss of a region and proves, with measurements, whether the business comes back in time."""

__version__ = "0.1.0"
