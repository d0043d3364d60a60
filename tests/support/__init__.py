"""What tests share: running servers, clients, builders."""
