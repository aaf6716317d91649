"""Tracking: a stage writes a local journal; one mirror process per project sends the journals to MLflow."""
