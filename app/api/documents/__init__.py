"""OpenAPI and AsyncAPI, made from the types that validate requests, and the page that shows both."""
