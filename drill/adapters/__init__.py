"""One file per vendor or technology; each fulfils a port of the model."""
