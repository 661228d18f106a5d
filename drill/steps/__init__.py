"""One file per step kind: the extension point of drill."""
