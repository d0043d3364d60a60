"""The REST API: one blueprint per resource. A view parses the request, calls one service, and answers."""
