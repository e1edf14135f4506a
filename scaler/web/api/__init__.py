"""The API under `/api/v1/`: documents as types, operations as a table, and OpenAPI made of both."""
