"""The platform's Postgres: which tenant has which servers, and which integration is on which."""
