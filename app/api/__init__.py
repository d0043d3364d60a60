"""REST: one blueprint a resource. A view parses, calls one service, and answers."""
