"""The box engine: exact answers about finite spaces by branch and prune."""
