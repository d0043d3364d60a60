"""What `make run` and the tests need beside the application. Nothing here is imported by `app`."""
