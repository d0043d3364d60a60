"""Media: what bytes are, what is taken out of them, and where they are kept. Knows no database and no Redis.

``inspect`` and what it calls decode hostile bytes with Pillow and FFmpeg: for workers alone. A web process reads the
first bytes (``sniff``, ``image_size``) and signs addresses.
"""
