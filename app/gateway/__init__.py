"""The gateway: everything that one web process keeps running for its sessions."""
