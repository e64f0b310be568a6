"""What is drawn or written for people to look at."""
