"""Evolution API 2.3.7, simulated: its paths, keys, schemas, errors and webhooks."""
