"""What scenarios share: the server under test, clients, user-interactive auth, rooms, sync."""
