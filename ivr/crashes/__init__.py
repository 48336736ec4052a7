"""What happens to calls when a worker dies in the middle of them: who was in flight, and what is not tried again."""
