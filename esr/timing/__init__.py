"""How long a network takes, beside others, and how sure one can be of it."""
