"""The pure core: rules, frames, codes and positions. Imports no framework, store, clock or socket."""
