"""What the claims are decided by: experiments, and what is measured on them."""
