"""What an operator sees and does: queues, delayed tasks, dead letters, revoking, and what is going on."""
