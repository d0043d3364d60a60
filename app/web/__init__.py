"""The page (static/, templates/), and how its files are bundled for browsers. Imports no Flask."""
