"""The page (static/, templates/) and how its files are put together for browsers. No Flask in here."""
