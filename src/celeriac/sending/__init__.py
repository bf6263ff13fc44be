"""What one call becomes: options and arguments settled, routed, encoded, and sent."""
