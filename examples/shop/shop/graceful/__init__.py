"""The API that survives what its dependencies do."""
