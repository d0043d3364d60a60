"""What Parley does: one use case a file, named by its verb. What may refuse comes first."""
