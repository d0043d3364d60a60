"""Requests of every operation, whose answers test_documents.py compares with the documents."""
