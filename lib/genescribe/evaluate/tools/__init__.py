"""Outside programs that are compared with or that judge a prediction."""
