"""The contract of docs/protocol.md: one suite over WebSocket, SSE and long-poll, against two gateways."""
