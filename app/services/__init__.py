"""The use cases of Parley: one per file, named by its verb. Checks come first, then the act."""
