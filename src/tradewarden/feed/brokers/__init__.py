"""The brokers, each a stream and the few questions that are asked of it over HTTP."""
