"""What the phone holds: replica, outbox and the sync between them and the server."""
