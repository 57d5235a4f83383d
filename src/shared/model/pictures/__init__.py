"""What runs in the child processes that look at pictures, and the doors to them."""
