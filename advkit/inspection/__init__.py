"""What to look at when numbers look wrong: the model on its data, and the machine."""
