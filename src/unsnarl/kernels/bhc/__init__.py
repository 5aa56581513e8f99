"""Hot loops of Bayesian hierarchical clustering; nothing of `unsnarl cluster` loads them."""
