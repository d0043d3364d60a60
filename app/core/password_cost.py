"""The work of one password hash: OWASP's first choice for Argon2id (with one lane), about 20 ms.

It is also the least that production accepts. With more memory, a burst of sign-ins could use up all memory of a small
dyno.
"""

from __future__ import annotations

MEMORY_KIB, PASSES = 19 * 1024, 2
