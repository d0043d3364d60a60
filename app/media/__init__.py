"""Media files: detects their type, strips their metadata, stores them. Imports neither the database nor Redis.

``inspect`` and its helpers decode hostile bytes with Pillow and FFmpeg, so only workers call them. A web process reads
the first bytes (``sniff``, ``image_size``) and signs addresses.
"""
