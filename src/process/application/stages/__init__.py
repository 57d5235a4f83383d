"""What is done to a document, one file a stage; order.py lists them."""
