"""Shared by all tests: running servers, clients and builders."""
