"""The segment family: label schemes, the model, labels decoded into genes."""
