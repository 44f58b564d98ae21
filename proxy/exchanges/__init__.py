"""What is said on one link, request by request, and what becomes of it."""
