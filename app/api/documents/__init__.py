"""OpenAPI and AsyncAPI, made from the types that validate, and the page that shows both."""
