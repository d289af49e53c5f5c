"""Training with rewards: group relative policy optimisation (GRPO) of models that write genes."""
