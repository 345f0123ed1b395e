"""What says how much is still to be gained."""
