"""Push services: Firebase Cloud Messaging, Web Push, and a local twin of both. Used by the worker."""
