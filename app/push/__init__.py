"""Push services: Firebase Cloud Messaging, Web Push, and a local twin of both. Only the worker sends."""
