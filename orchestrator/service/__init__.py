"""Web mode: the service that runs several topics, each in a process of its own, beside a web server."""
