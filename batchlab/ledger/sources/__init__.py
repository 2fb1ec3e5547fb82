"""The texts whose claims the ledger judges, each with the parts and rules that decide them."""
