"""Three transports of the same session: WebSocket, server-sent events and long-poll."""
