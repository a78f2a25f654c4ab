"""Ways from other queues to winch."""
