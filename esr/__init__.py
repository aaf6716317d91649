"""esr: entries of the NTIRE Efficient Super-Resolution challenge, rebuilt end to end."""
